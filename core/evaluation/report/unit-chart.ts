import type { CurvePoint } from '../curves.js';
import type { Interval } from '../interval.js';
import { escapeMarkup } from './markup.js';

/** Side of the plotted square and the room around it, in user units (CSS pixels at full size). */
const SIDE = 240;
const LEFT = 54;
const TOP = 42;
const RIGHT = 12;
const BOTTOM = 40;
/** Width of one entry of the legend. */
const LEGEND_ENTRY = 78;
const TICKS = [0, 0.25, 0.5, 0.75, 1];

export interface ChartSeries {
  readonly points: readonly CurvePoint[];
  readonly colour: string;
  /** Named in the legend. */
  readonly name?: string;
  /** Dots of this radius on each point; a plain line without. */
  readonly dots?: number;
  /** Of the points' y, in their order: vertical bars. */
  readonly intervals?: readonly (Interval | undefined)[];
  /** Horizontal, then vertical, as an empirical distribution goes. */
  readonly steps?: boolean;
}

export interface UnitChart {
  readonly title: string;
  /** Stands under the title. */
  readonly subtitle: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly ChartSeries[];
  /** The rising diagonal: chance, or perfect calibration. */
  readonly diagonal?: boolean;
  /** A horizontal line, such as the prevalence. */
  readonly level?: number;
  /** The operating point. */
  readonly mark?: CurvePoint | undefined;
}

/** A chart whose axes both run from 0 to 1, as an SVG element that needs nothing else. */
export function unitChart(chart: UnitChart): string {
  const width = LEFT + SIDE + RIGHT;
  const height = TOP + SIDE + BOTTOM;
  const { title, subtitle, x, y, diagonal, level, mark } = chart;
  const guides = [
    ...(diagonal === true ? [guide({ x: 0, y: 0 }, { x: 1, y: 1 })] : []),
    ...(level === undefined ? [] : [guide({ x: 0, y: level }, { x: 1, y: level })]),
  ];
  const cross =
    mark === undefined
      ? ''
      : `<circle cx="${px(mark)}" cy="${py(mark)}" r="5" fill="none" stroke="#b00020" stroke-width="2"/>`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" ` +
    `height="${height}" role="img" aria-label="${escapeMarkup(`${title}, ${subtitle}: ${y} against ${x}`)}" ` +
    `font-family="system-ui, sans-serif" font-size="11">` +
    `<text x="${LEFT}" y="15" font-size="12" font-weight="600">${escapeMarkup(title)}</text>` +
    `<text x="${LEFT}" y="33">${escapeMarkup(subtitle)}</text>` +
    axes(x, y) +
    guides.join('') +
    chart.series.map(seriesMarkup).join('') +
    cross +
    legend(chart.series) +
    '</svg>'
  );
}

function axes(x: string, y: string): string {
  const ticks = TICKS.map((value) => {
    const across = fixed(LEFT + value * SIDE);
    const up = fixed(TOP + (1 - value) * SIDE);
    return (
      `<path d="M${across} ${TOP}V${TOP + SIDE}M${LEFT} ${up}H${LEFT + SIDE}" stroke="#e4e4e4"/>` +
      `<text x="${across}" y="${TOP + SIDE + 14}" text-anchor="middle">${value}</text>` +
      `<text x="${LEFT - 5}" y="${fixed(TOP + (1 - value) * SIDE + 4)}" text-anchor="end">${value}</text>`
    );
  });
  const middle = TOP + SIDE / 2;
  return (
    ticks.join('') +
    `<rect x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}" fill="none" stroke="#888"/>` +
    `<text x="${LEFT + SIDE / 2}" y="${TOP + SIDE + 32}" text-anchor="middle">${escapeMarkup(x)}</text>` +
    `<text x="12" y="${middle}" text-anchor="middle" transform="rotate(-90 12 ${middle})">` +
    `${escapeMarkup(y)}</text>`
  );
}

function seriesMarkup({
  points,
  colour,
  dots,
  intervals = [],
  steps = false,
}: ChartSeries): string {
  const path = points.map((point, at) => {
    if (at === 0) {
      return `M${px(point)} ${py(point)}`;
    }
    return steps ? `H${px(point)}V${py(point)}` : `L${px(point)} ${py(point)}`;
  });
  const marks =
    dots === undefined
      ? []
      : points.map(
          (point) => `<circle cx="${px(point)}" cy="${py(point)}" r="${dots}" fill="${colour}"/>`,
        );
  const bars = intervals.flatMap((interval, at) => {
    const { x } = points[at] ?? { x: NaN };
    return interval === undefined
      ? []
      : [`M${px({ x, y: 0 })} ${py({ x, y: interval[0] })}V${py({ x, y: interval[1] })}`];
  });
  const barPath =
    bars.length === 0 ? '' : `<path d="${bars.join('')}" stroke="${colour}" opacity="0.45"/>`;
  return (
    barPath +
    `<path d="${path.join('')}" fill="none" stroke="${colour}" stroke-width="1.6"/>` +
    marks.join('')
  );
}

function legend(series: readonly ChartSeries[]): string {
  const named = series.filter(({ name }) => name !== undefined);
  // In the line of the subtitle, from the right: curves may run anywhere within the square.
  return named
    .map(({ name = '', colour }, at) => {
      const x = LEFT + SIDE - (named.length - at) * LEGEND_ENTRY;
      return (
        `<path d="M${x} 29h12" stroke="${colour}" stroke-width="3"/>` +
        `<text x="${x + 16}" y="33">${escapeMarkup(name)}</text>`
      );
    })
    .join('');
}

function guide(from: CurvePoint, to: CurvePoint): string {
  return `<path d="M${px(from)} ${py(from)}L${px(to)} ${py(to)}" stroke="#888" stroke-dasharray="4 3"/>`;
}

function px({ x }: CurvePoint): string {
  return fixed(LEFT + x * SIDE);
}

function py({ y }: CurvePoint): string {
  return fixed(TOP + (1 - y) * SIDE);
}

function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}

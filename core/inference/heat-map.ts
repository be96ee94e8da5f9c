import type { Picture } from '../imaging/render-picture.js';
import type { CamTensor } from './image-classifier.js';

export interface HeatMap {
  /** Shape: [height, width] of the picture, row-major. Share of the largest value, 0 to 1. */
  readonly heat: Float32Array;
  /** The largest contribution of a cell, in logits; 0 when no cell raises the score. */
  readonly max: number;
}

/**
 * One finding's class-activation map on the picture of the image. Only what raises the score is kept;
 * cells are interpolated bilinearly between their centres. Outside the part that the network saw there is none.
 */
export function heatMapOn(
  { grey, width, height, crop }: Picture,
  cams: CamTensor,
  finding: number,
): HeatMap {
  const cells = cams.width * cams.height;
  const map = cams.data
    .subarray(finding * cells, (finding + 1) * cells)
    .map((value) => Math.max(0, value));
  const max = map.reduce((most, value) => Math.max(most, value), 0);
  const heat = new Float32Array(grey.length);
  if (max === 0) {
    return { heat, max };
  }
  const columns = cellPositions(width, crop.x0, crop.columns, cams.width);
  const rows = cellPositions(height, crop.y0, crop.rows, cams.height);
  for (const [y, row] of rows.entries()) {
    if (row === undefined) {
      continue;
    }
    for (const [x, column] of columns.entries()) {
      if (column === undefined) {
        continue;
      }
      const at = (cellY: number, cellX: number) => map[cellY * cams.width + cellX] ?? 0;
      const upper = mix(at(row.low, column.low), at(row.low, column.high), column.share);
      const lower = mix(at(row.high, column.low), at(row.high, column.high), column.share);
      heat[y * width + x] = mix(upper, lower, row.share) / max;
    }
  }
  return { heat, max };
}

interface CellPosition {
  readonly low: number;
  readonly high: number;
  readonly share: number;
}

/** Between which cells the middle of each pixel lies; undefined outside the crop. */
function cellPositions(
  pixels: number,
  start: number,
  extent: number,
  cells: number,
): (CellPosition | undefined)[] {
  return Array.from({ length: pixels }, (_, pixel) => {
    const inCrop = (pixel + 0.5 - start) / extent;
    if (inCrop < 0 || inCrop > 1) {
      return undefined;
    }
    const position = Math.min(cells - 1, Math.max(0, inCrop * cells - 0.5));
    const low = Math.floor(position);
    return { low, high: Math.min(cells - 1, low + 1), share: position - low };
  });
}

function mix(a: number, b: number, share: number): number {
  return a + share * (b - a);
}

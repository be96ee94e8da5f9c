import type { Random } from './random.js';
import { blur, upsample, type FloatMap } from './smooth.js';

/** How a stored value follows from the dose: the logarithm as in CR, or the dose itself. */
export type DetectorResponse = 'log' | 'linear';

export interface ExposureOptions {
  readonly spacingMm: number;
  /** Detected quanta per mm2 where nothing is in the beam. */
  readonly quantaPerMm2: number;
  readonly response: DetectorResponse;
}

/** Twelve bits. */
export const MAX_STORED = 4095;

/** Scattered over primary radiation behind a grid; scatter is as broad as the body is thick. */
const SCATTER_FRACTION = 0.32;
const SCATTER_SIGMA_MM = 32;
/** Blur of the scintillator, at the detector. */
const DETECTOR_SIGMA_MM = 0.14;
/** Read-out noise, as quanta. */
const ELECTRONIC_NOISE_QUANTA = 14;

/**
 * For presentation, detail finer than this is kept and the slow change of density, from the lungs to the
 * spine, is reduced by the latitude: what multi-scale processing of a CR or DX system does.
 */
const LATITUDE_SIGMA_MM = 22;
const LATITUDE = 0.7;
const LEAST_BASE_DENSITY = 1.2;

export interface Exposure {
  /** Stored values with dense tissue high (MONOCHROME2). Shape: [Rows, Columns]. */
  readonly pixels: Uint16Array;
  readonly windowCenter: number;
  readonly windowWidth: number;
}

/**
 * From line integrals to stored values: primary beam, scatter, quantum and electronic noise, scintillator
 * blur, response. `smooth` is the part of the line integrals known on a lattice of `step` pixels; scatter
 * and latitude need no more.
 */
export function expose(
  detail: FloatMap,
  smooth: FloatMap,
  step: number,
  random: Random,
  options: ExposureOptions,
): Exposure {
  const { rows, columns } = detail;
  const { spacingMm } = options;
  const latticeMm = step * spacingMm;
  const scatter = blur(
    mapped(smooth, (value) => (value > 0.15 ? Math.exp(-value) * SCATTER_FRACTION : 0)),
    SCATTER_SIGMA_MM / latticeMm,
  );
  const intensity = upsample(scatter, step, rows, columns).values;
  for (let index = 0; index < intensity.length; index += 1) {
    intensity[index]! += Math.exp(-detail.values[index]!);
  }
  const noisy = addNoise({ rows, columns, values: intensity }, random, options);
  if (options.response === 'linear') return storeLinear(noisy);
  // Where the beam missed the body there is no latitude to gain; without the floor, air would turn grey.
  const base = blur(
    mapped(smooth, (value, index) =>
      Math.max(LEAST_BASE_DENSITY, -Math.log(Math.exp(-value) + scatter.values[index]!)),
    ),
    LATITUDE_SIGMA_MM / latticeMm,
  );
  return storeLog(noisy, upsample(base, step, rows, columns).values);
}

/**
 * Quanta are counted before the light spreads in the scintillator, so their noise is blurred with the
 * image; the electronics come after. Counts are large enough for the normal approximation of Poisson's law.
 */
function addNoise(image: FloatMap, random: Random, options: ExposureOptions): FloatMap {
  const quanta = options.quantaPerMm2 * options.spacingMm ** 2;
  const noise = random.fork('quanta');
  const { values } = image;
  for (let index = 0; index < values.length; index += 1) {
    const count = values[index]! * quanta;
    values[index] = Math.max(0, count + Math.sqrt(count) * noise.gaussian()) / quanta;
  }
  const blurred = spread(image, DETECTOR_SIGMA_MM / options.spacingMm);
  const readOut = random.fork('electronics');
  const electronic = ELECTRONIC_NOISE_QUANTA / quanta;
  for (let index = 0; index < blurred.values.length; index += 1) {
    blurred.values[index] = Math.max(
      1e-5,
      blurred.values[index]! + electronic * readOut.gaussian(),
    );
  }
  return blurred;
}

/** A three-point blur in both directions with the variance of the scintillator, at most a pixel. */
function spread(image: FloatMap, sigma: number): FloatMap {
  const side = Math.min(0.25, (sigma * sigma) / 2);
  const middle = 1 - 2 * side;
  const { rows, columns, values } = image;
  const across = new Float32Array(values.length);
  for (let row = 0; row < rows; row += 1) {
    const start = row * columns;
    const end = start + columns - 1;
    for (let at = start; at <= end; at += 1) {
      const left = values[at === start ? at : at - 1]!;
      const right = values[at === end ? at : at + 1]!;
      across[at] = middle * values[at]! + side * (left + right);
    }
  }
  const both = new Float32Array(values.length);
  for (let row = 0; row < rows; row += 1) {
    const start = row * columns;
    const up = row === 0 ? 0 : columns;
    const down = row === rows - 1 ? 0 : columns;
    for (let at = start; at < start + columns; at += 1) {
      both[at] = middle * across[at]! + side * (across[at - up]! + across[at + down]!);
    }
  }
  return { rows, columns, values: both };
}

/**
 * Black and white are put where the picture needs them, as a reader of plates does after looking at the
 * histogram: below the thinnest and above the thickest part of the body.
 */
const BLACK_PERCENTILE = 0.04;
const WHITE_PERCENTILE = 0.97;
const BLACK_MARGIN = 0.62;
const WHITE_MARGIN = 0.2;
const CURVE_STEPS = 4096;
/** The curve of film: a toe and a shoulder. */
const CURVE = Uint16Array.from({ length: CURVE_STEPS + 1 }, (_, index) => {
  const t = index / CURVE_STEPS;
  return Math.round(MAX_STORED * 0.97 * (0.6 * t + 0.4 * t * t * (3 - 2 * t)));
});

function storeLog(noisy: FloatMap, base: Float32Array): Exposure {
  const processed = noisy.values.map(
    (intensity, index) => -Math.log(intensity) - LATITUDE * base[index]!,
  );
  const { black, white } = densityRange(processed, noisy.values);
  const scale = CURVE_STEPS / (white - black);
  const pixels = new Uint16Array(processed.length);
  for (let index = 0; index < pixels.length; index += 1) {
    const place = (processed[index]! - black) * scale;
    pixels[index] = CURVE[Math.round(Math.min(CURVE_STEPS, Math.max(0, place)))]!;
  }
  return { pixels, windowCenter: 2048, windowWidth: 3900 };
}

/** Of every 97th pixel behind the body: enough for a percentile, and no multiple of a row. */
function densityRange(
  processed: Float32Array,
  intensity: Float32Array,
): { black: number; white: number } {
  const sample: number[] = [];
  for (let index = 0; index < processed.length; index += 97) {
    if (intensity[index]! < DIRECT_EXPOSURE) sample.push(processed[index]!);
  }
  sample.sort((a, b) => a - b);
  const percentile = (fraction: number): number =>
    sample[Math.floor(fraction * sample.length)] ?? 0;
  return {
    black: percentile(BLACK_PERCENTILE) - BLACK_MARGIN,
    white: percentile(WHITE_PERCENTILE) + WHITE_MARGIN,
  };
}

/** Brighter than this, the beam has met no more than skin. */
const DIRECT_EXPOSURE = 0.3;

/** Full scale at the dose that the lungs get; direct exposure saturates. */
const LINEAR_FULL_SCALE = 0.42;

function storeLinear(noisy: FloatMap): Exposure {
  const pixels = new Uint16Array(noisy.values.length);
  for (let index = 0; index < pixels.length; index += 1) {
    const dose = Math.min(1, noisy.values[index]! / LINEAR_FULL_SCALE);
    pixels[index] = Math.round(MAX_STORED * (1 - dose));
  }
  return { pixels, windowCenter: 2700, windowWidth: 2800 };
}

function mapped(map: FloatMap, change: (value: number, index: number) => number): FloatMap {
  return { ...map, values: map.values.map(change) };
}

/** A plain JPEG lossless encoder (T.81 Annex H) for tests: every predictor, depth, restart and layout. */
export interface LosslessImage {
  readonly width: number;
  readonly height: number;
  readonly precision: number;
  readonly components: number;
  /** Shape: [height, width, components]. */
  readonly values: readonly number[];
}

export interface LosslessOptions {
  readonly predictor: number;
  readonly pointTransform?: number;
  /** Rows between restart markers. */
  readonly restartRows?: number;
  /** One scan for all components, or one for each. */
  readonly interleaved?: boolean;
}

/** Categories 0 to 16, all with codes of five bits: complete enough for any image, and easy to check. */
const CATEGORIES = 17;
const CODE_BITS = 5;

export function encodeJpegLossless(image: LosslessImage, options: LosslessOptions): Buffer {
  const { width, height, precision, components } = image;
  const restartRows = options.restartRows ?? 0;
  const all = Array.from({ length: components }, (_, index) => index);
  const scans = options.interleaved === false ? all.map((index) => [index]) : [all];
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xc3, [
      precision,
      height >> 8,
      height & 255,
      width >> 8,
      width & 255,
      components,
      ...all.flatMap((index) => [index + 1, 0x11, 0]),
    ]),
    segment(0xc4, [0x00, ...counts(), ...Array.from({ length: CATEGORIES }, (_, value) => value)]),
    ...(restartRows > 0
      ? [segment(0xdd, [(restartRows * width) >> 8, (restartRows * width) & 255])]
      : []),
    ...scans.flatMap((scan) => [
      segment(0xda, [
        scan.length,
        ...scan.flatMap((index) => [index + 1, 0x00]),
        options.predictor,
        0,
        options.pointTransform ?? 0,
      ]),
      encodeScan(image, scan, options),
    ]),
    Buffer.from([0xff, 0xd9]),
  ]);
}

function encodeScan(
  image: LosslessImage,
  scan: readonly number[],
  options: LosslessOptions,
): Buffer {
  const { width, height, precision, components, values } = image;
  const pointTransform = options.pointTransform ?? 0;
  const restartRows = options.restartRows ?? height;
  const at = (x: number, y: number, component: number) =>
    (values[(y * width + x) * components + component] ?? 0) >> pointTransform;
  const parts: Buffer[] = [];
  for (let start = 0; start < height; start += restartRows) {
    if (start > 0) {
      parts.push(Buffer.from([0xff, 0xd0 + ((start / restartRows - 1) % 8)]));
    }
    let bits = '';
    for (let y = start; y < Math.min(height, start + restartRows); y += 1) {
      for (let x = 0; x < width; x += 1) {
        for (const component of scan) {
          const prediction = predict(options.predictor, x, y, y === start, {
            initial: 1 << (precision - pointTransform - 1),
            at: (px, py) => at(px, py, component),
          });
          bits += code(at(x, y, component) - prediction);
        }
      }
    }
    parts.push(stuff(bits));
  }
  return Buffer.concat(parts);
}

function predict(
  predictor: number,
  x: number,
  y: number,
  firstRow: boolean,
  { initial, at }: { readonly initial: number; readonly at: (x: number, y: number) => number },
): number {
  if (firstRow) {
    return x === 0 ? initial : at(x - 1, y);
  }
  if (x === 0) {
    return at(x, y - 1);
  }
  const [a, b, c] = [at(x - 1, y), at(x, y - 1), at(x - 1, y - 1)];
  const predictions = [0, a, b, c, a + b - c, a + ((b - c) >> 1), b + ((a - c) >> 1), (a + b) >> 1];
  return predictions[predictor] ?? 0;
}

/** Difference modulo 2^16 as category code and value bits. Source: T.81 H.1.2.2. */
function code(difference: number): string {
  let value = difference & 0xffff;
  value = value > 32768 ? value - 65536 : value;
  const category = value === 32768 ? 16 : Math.abs(value).toString(2).length * Number(value !== 0);
  const bits = category.toString(2).padStart(CODE_BITS, '0');
  if (category === 0 || category === 16) {
    return bits;
  }
  const low = value < 0 ? value + (1 << category) - 1 : value;
  return bits + low.toString(2).padStart(category, '0');
}

function stuff(bits: string): Buffer {
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1');
  const bytes: number[] = [];
  for (let index = 0; index < padded.length; index += 8) {
    const byte = parseInt(padded.slice(index, index + 8), 2);
    bytes.push(byte, ...(byte === 0xff ? [0] : []));
  }
  return Buffer.from(bytes);
}

function segment(marker: number, contents: readonly number[]): Buffer {
  const length = contents.length + 2;
  return Buffer.from([0xff, marker, length >> 8, length & 255, ...contents]);
}

function counts(): number[] {
  return Array.from({ length: 16 }, (_, index) => (index + 1 === CODE_BITS ? CATEGORIES : 0));
}

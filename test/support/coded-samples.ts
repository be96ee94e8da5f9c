/** Images that codecs are compared with. */
export interface Shape {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly signed: boolean;
}

/** Waves of every length with noise, both ends of the range among them. Little endian. */
export function waves({ width, height, bits, signed }: Shape): Buffer {
  const bytes = Buffer.alloc(width * height * (bits <= 8 ? 1 : 2));
  const low = signed ? -(2 ** (bits - 1)) : 0;
  const range = 2 ** bits - 1;
  let seed = 4711;
  for (let at = 0; at < width * height; at += 1) {
    const [x, y] = [at % width, Math.floor(at / width)];
    seed = (seed * 1103515245 + 12345) % 2147483648;
    const wave = Math.sin((x * x) / 900) * 0.3 + Math.cos(y / 40) * 0.3;
    const level = 0.5 + wave + 0.02 * (seed / 2147483648 - 0.5);
    const inRange = Math.min(1, Math.max(0, level));
    const value = low + Math.round(range * (at === 5 ? 1 : at === 6 ? 0 : inRange));
    if (bits <= 8) {
      bytes[at] = value & 0xff;
    } else {
      bytes.writeUInt16LE(value & 0xffff, 2 * at);
    }
  }
  return bytes;
}

/** Words with bits above those that are stored, as DICOM allows: negative values without their sign, overlays. */
export function untidy(shape: Shape): Buffer {
  const bytes = waves(shape);
  for (let at = 0; shape.bits > 8 && at < bytes.length; at += 2) {
    const word = bytes.readUInt16LE(at) & (2 ** shape.bits - 1);
    bytes.writeUInt16LE(shape.signed ? word : word | ((at % 6 === 0 ? 1 : 0) << shape.bits), at);
  }
  return bytes;
}

/** Even but for a few spots, as large as can be. */
export function islands(shape: Shape): Buffer {
  const bytes = Buffer.alloc(shape.width * shape.height * (shape.bits <= 8 ? 1 : 2));
  const large = 2 ** (shape.bits - (shape.signed ? 1 : 0)) - 1;
  for (let at = 0; at < shape.width * shape.height; at += 1) {
    const value = at % 997 < 3 ? large - (at % 31) : 40;
    if (shape.bits <= 8) {
      bytes[at] = value;
    } else {
      bytes.writeUInt16LE(value, 2 * at);
    }
  }
  return bytes;
}

/** Infinity where their numbers are not the same. */
export function largestDifference(
  ours: Uint8Array | Uint16Array | undefined,
  expected: Uint16Array,
): number {
  if (ours?.length !== expected.length) {
    return Infinity;
  }
  // Signed samples wrap around the same way in both.
  return expected.reduce((worst, sample, at) => {
    const difference = Math.abs(((ours[at]! - sample) << 16) >> 16);
    return Math.max(worst, difference);
  }, 0);
}

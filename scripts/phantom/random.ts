/** A stream of pseudo-random numbers that a seed determines on every platform. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  /** Normal, mean 0 and variance 1, cut at about 4.2 standard deviations. */
  gaussian(): number;
  /** A stream of its own: what one part of a picture draws does not move another part. */
  fork(label: string): Random;
}

/** sfc32 (Doty-Humphrey's Small Fast Counting generator, 128 bits of state), seeded by hashing the text. */
export function createRandom(seed: string | number): Random {
  const text = String(seed);
  let [a, b, c, counter] = hash128(text);
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let warmUp = 0; warmUp < 12; warmUp += 1) next();
  let spare: number | undefined;
  return {
    uniform: () => next() / 2 ** 32,
    between: (low, high) => low + ((high - low) * next()) / 2 ** 32,
    gaussian: () => {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      const bits = next();
      const quantiles = normalQuantiles();
      spare = quantiles[bits & 0xffff]!;
      return quantiles[bits >>> 16]!;
    },
    fork: (label) => createRandom(`${text}/${label}`),
  };
}

let cachedQuantiles: Float32Array | undefined;

/** Normal quantiles of 65536 equally likely classes: two deviates for one draw, which noise needs often. */
function normalQuantiles(): Float32Array {
  if (cachedQuantiles === undefined) {
    cachedQuantiles = new Float32Array(65536);
    for (let index = 0; index < 32768; index += 1) {
      const value = upperQuantile((index + 0.5) / 65536);
      cachedQuantiles[index] = -value;
      cachedQuantiles[65535 - index] = value;
    }
  }
  return cachedQuantiles;
}

/** z with P(Z > z) = p, to 4.5e-4. Source: Abramowitz and Stegun 26.2.23. */
function upperQuantile(p: number): number {
  const t = Math.sqrt(-2 * Math.log(p));
  return (
    t -
    (2.515517 + t * (0.802853 + t * 0.010328)) /
      (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
  );
}

/** Four 32-bit words of a text (FNV-1a with a finaliser); good enough to tell seeds apart. */
function hash128(text: string): [number, number, number, number] {
  const words = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35].map((offset) => {
    let word = offset;
    for (let index = 0; index < text.length; index += 1) {
      word = Math.imul(word ^ text.charCodeAt(index), 0x01000193);
    }
    word = Math.imul(word ^ (word >>> 16), 0x7feb352d);
    word = Math.imul(word ^ (word >>> 15), 0x846ca68b);
    return word ^ (word >>> 16);
  });
  return [words[0]!, words[1]!, words[2]!, words[3]!];
}

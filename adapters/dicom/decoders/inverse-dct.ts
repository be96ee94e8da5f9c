/** Fraction bits of the constants, and of the values between the two passes for 12-bit samples. */
const CONSTANT_BITS = 13;
const PASS_BITS = 1;

const COLUMN_SHIFT = CONSTANT_BITS - PASS_BITS;
/** The factor 8 of a two-dimensional transform leaves here, too. */
const ROW_SHIFT = CONSTANT_BITS + PASS_BITS + 3;

const fixed = (value: number): number => Math.round(value * 2 ** CONSTANT_BITS);

const C0_298 = fixed(0.298631336);
const C0_390 = fixed(0.390180644);
const C0_541 = fixed(0.5411961);
const C0_765 = fixed(0.765366865);
const C0_899 = fixed(0.899976223);
const C1_175 = fixed(1.175875602);
const C1_501 = fixed(1.50132111);
const C1_847 = fixed(1.847759065);
const C1_961 = fixed(1.96157056);
const C2_053 = fixed(2.053119869);
const C2_562 = fixed(2.562915447);
const C3_072 = fixed(3.072711026);

/**
 * Inverse DCT of one block of 12-bit JPEG, in place: 64 dequantised coefficients in natural order become
 * 64 samples around 0. The integer algorithm of Loeffler, Ligtenberg and Moschytz (ICASSP 1989) with
 * 13-bit constants, which nearly all codecs use, so that lossy images decode to the same values everywhere.
 */
export function inverseDct12(block: Int32Array): void {
  for (let column = 0; column < 8; column += 1) {
    transform(block, column, 8, COLUMN_SHIFT);
  }
  for (let row = 0; row < 64; row += 8) {
    transform(block, row, 1, ROW_SHIFT);
  }
}

/** One dimension: eight values `step` apart, rounded and shifted down by `shift`. */
function transform(block: Int32Array, start: number, step: number, shift: number): void {
  const half = 1 << (shift - 1);
  // All eight positions lie inside the block.
  const in0 = block[start]!;
  const in1 = block[start + step]!;
  const in2 = block[start + 2 * step]!;
  const in3 = block[start + 3 * step]!;
  const in4 = block[start + 4 * step]!;
  const in5 = block[start + 5 * step]!;
  const in6 = block[start + 6 * step]!;
  const in7 = block[start + 7 * step]!;

  const rotated = (in2 + in6) * C0_541;
  const even2 = rotated - in6 * C1_847;
  const even3 = rotated + in2 * C0_765;
  const even0 = (in0 + in4) * (1 << CONSTANT_BITS);
  const even1 = (in0 - in4) * (1 << CONSTANT_BITS);
  const sum0 = even0 + even3;
  const sum3 = even0 - even3;
  const sum1 = even1 + even2;
  const sum2 = even1 - even2;

  const common = (in7 + in3 + in5 + in1) * C1_175;
  const z1 = -(in7 + in1) * C0_899;
  const z2 = -(in5 + in3) * C2_562;
  const z3 = common - (in7 + in3) * C1_961;
  const z4 = common - (in5 + in1) * C0_390;
  const odd0 = in7 * C0_298 + z1 + z3;
  const odd1 = in5 * C2_053 + z2 + z4;
  const odd2 = in3 * C3_072 + z2 + z3;
  const odd3 = in1 * C1_501 + z1 + z4;

  block[start] = (sum0 + odd3 + half) >> shift;
  block[start + 7 * step] = (sum0 - odd3 + half) >> shift;
  block[start + step] = (sum1 + odd2 + half) >> shift;
  block[start + 6 * step] = (sum1 - odd2 + half) >> shift;
  block[start + 2 * step] = (sum2 + odd1 + half) >> shift;
  block[start + 5 * step] = (sum2 - odd1 + half) >> shift;
  block[start + 3 * step] = (sum3 + odd0 + half) >> shift;
  block[start + 4 * step] = (sum3 - odd0 + half) >> shift;
}

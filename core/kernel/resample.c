/*
 * One pass from stored values to a small image: rows go in as a file or a decoder gives them, and the weighted
 * sums of a separable filter come out. See ../imaging/resample.ts, which fills in the plan.
 *
 * Rows are brought to 16 signed bits, two of them interleaved, and kept in a ring as long as an output needs
 * them; then one instruction (i32x4.dot_i16x8_s) adds both rows of four columns. Weights have either two parts, the
 * second a remainder, or one part of which four neighbouring columns have different roundings: ../imaging/row-weights.ts.
 */
#include "resample-take.h"

EXPORT(resample_plan) Plan *resample_plan(void) { return &plan; }

/* With what the sums of weights begin: less the offset times their total. */
static inline v128_t start_of(const v128_t *weights, int32_t pairs) {
  v128_t offset = wasm_i16x8_splat((int16_t)-plan.offset), start = wasm_i32x4_splat(0);
  for (int32_t pair = 0; pair < pairs; pair += 1) {
    start = wasm_i32x4_add(start, wasm_i32x4_dot_i16x8(offset, wasm_v128_load(weights + pair)));
  }
  return start;
}

/* The same of weights that are alike for all columns. */
static inline v128_t start_of_alike(const int32_t *weights, int32_t pairs) {
  v128_t offset = wasm_i16x8_splat((int16_t)-plan.offset), start = wasm_i32x4_splat(0);
  for (int32_t pair = 0; pair < pairs; pair += 1) {
    v128_t w = wasm_v128_load32_splat(weights + pair);
    start = wasm_i32x4_add(start, wasm_i32x4_dot_i16x8(offset, w));
  }
  return start;
}

/* The sums of four columns, in units of both parts, as float64. */
static inline void put_sums(double *to, v128_t s, v128_t t, v128_t unit, v128_t fine) {
  v128_t s2 = wasm_i32x4_shuffle(s, s, 2, 3, 2, 3), t2 = wasm_i32x4_shuffle(t, t, 2, 3, 2, 3);
  wasm_v128_store(to, wasm_f64x2_add(wasm_f64x2_mul(wasm_f64x2_convert_low_i32x4(s), unit),
                                     wasm_f64x2_mul(wasm_f64x2_convert_low_i32x4(t), fine)));
  wasm_v128_store(to + 2, wasm_f64x2_add(wasm_f64x2_mul(wasm_f64x2_convert_low_i32x4(s2), unit),
                                         wasm_f64x2_mul(wasm_f64x2_convert_low_i32x4(t2), fine)));
}

/* The weighted sums of an output's rows, for every column, by weights of two parts. Sixteen columns stay in registers. */
static void sum_rows(void) {
  int first = ((const int32_t *)plan.firstPairs)[plan.output];
  int count = ((const int32_t *)plan.pairCounts)[plan.output];
  const int32_t *weights = (const int32_t *)plan.weights + plan.weight;
  const int32_t *remainders = (const int32_t *)plan.remainders + plan.weight;
  int slotBytes = plan.slotBytes;
  int slot = first % plan.ringPairs;
  int before = plan.ringPairs - slot; /* pairs up to the end of the ring */
  if (before > count) before = count;
  const double *units = (const double *)plan.units;
  v128_t unit = wasm_f64x2_splat(units[0]), fine = wasm_f64x2_splat(units[1]);
  double *sums = (double *)plan.sums;
  v128_t start = start_of_alike(weights, count), rest = start_of_alike(remainders, count);
  for (int column = 0; column < plan.columns; column += 16) {
    v128_t a = start, b = start, c = rest, d = rest, e = start, f = start, g = rest, h = rest;
    const uint8_t *from = (const uint8_t *)plan.ring + 4 * column + slot * slotBytes;
    const int32_t *w1 = weights, *r1 = remainders, *end = weights + before;
    for (int turn = 0; turn < 2; turn += 1) {
      for (; w1 < end; w1 += 1, r1 += 1, from += slotBytes) {
        v128_t w = wasm_v128_load32_splat(w1), r = wasm_v128_load32_splat(r1);
        v128_t x = wasm_v128_load(from), y = wasm_v128_load(from + 16);
        a = wasm_i32x4_add(a, wasm_i32x4_dot_i16x8(x, w));
        b = wasm_i32x4_add(b, wasm_i32x4_dot_i16x8(y, w));
        c = wasm_i32x4_add(c, wasm_i32x4_dot_i16x8(x, r));
        d = wasm_i32x4_add(d, wasm_i32x4_dot_i16x8(y, r));
        x = wasm_v128_load(from + 32), y = wasm_v128_load(from + 48);
        e = wasm_i32x4_add(e, wasm_i32x4_dot_i16x8(x, w));
        f = wasm_i32x4_add(f, wasm_i32x4_dot_i16x8(y, w));
        g = wasm_i32x4_add(g, wasm_i32x4_dot_i16x8(x, r));
        h = wasm_i32x4_add(h, wasm_i32x4_dot_i16x8(y, r));
      }
      from = (const uint8_t *)plan.ring + 4 * column;
      end = weights + count;
    }
    put_sums(sums + column, a, c, unit, fine);
    put_sums(sums + column + 4, b, d, unit, fine);
    put_sums(sums + column + 8, e, g, unit, fine);
    put_sums(sums + column + 12, f, h, unit, fine);
  }
  plan.weight += count;
}

static void filter_row(void) {
  const double *sums = (const double *)plan.sums, *weights = (const double *)plan.columnWeights;
  const int32_t *starts = (const int32_t *)plan.columnStarts;
  double *result = (double *)plan.result + plan.output * plan.columnOutputs;
  for (int output = 0; output < plan.columnOutputs; output += 1) {
    const double *from = sums + starts[output];
    v128_t total = wasm_f64x2_splat(0), other = total;
    for (int tap = 0; tap < plan.columnTaps; tap += 4) {
      total = wasm_f64x2_add(total, wasm_f64x2_mul(wasm_v128_load(from + tap),
                                                   wasm_v128_load(weights + tap)));
      other = wasm_f64x2_add(other, wasm_f64x2_mul(wasm_v128_load(from + tap + 2),
                                                   wasm_v128_load(weights + tap + 2)));
    }
    total = wasm_f64x2_add(total, other);
    result[output] = wasm_f64x2_extract_lane(total, 0) + wasm_f64x2_extract_lane(total, 1);
    weights += plan.columnTaps;
  }
}

/* Adds a pair of rows to the sums of sixteen columns. */
static inline void add16(v128_t *sums, const uint8_t *from, v128_t weights) {
  for (int part = 0; part < 4; part += 1) {
    v128_t x = wasm_v128_load(from + 16 * part);
    sums[part] = wasm_i32x4_add(sums[part], wasm_i32x4_dot_i16x8(x, weights));
  }
}

static inline void put16(float *to, const v128_t *sums) {
  for (int part = 0; part < 4; part += 1) {
    wasm_v128_store(to + 4 * part, wasm_f32x4_convert_i32x4(sums[part]));
  }
}

/*
 * The same with weights of one part, for this output and the next: what both need is read once. The next begins and
 * ends no earlier.
 */
static void sum_rows_of_two(void) {
  const int32_t *firsts = (const int32_t *)plan.firstPairs + plan.output;
  const int32_t *counts = (const int32_t *)plan.pairCounts + plan.output;
  int32_t lead = firsts[1] - firsts[0], second = counts[0], end = lead + counts[1];
  if (lead > second) lead = second;
  const uint8_t **slots = (const uint8_t **)plan.slots;
  for (int32_t pair = 0; pair < end; pair += 1) {
    slots[pair] =
        (const uint8_t *)plan.ring + (firsts[0] + pair) % plan.ringPairs * plan.slotBytes;
  }
  const v128_t *weights = (const v128_t *)plan.weights + plan.weight;
  v128_t start = start_of(weights, counts[0]), next = start_of(weights + counts[0], counts[1]);
  float *sums = (float *)plan.sums;
  for (int column = 0; column < plan.columns; column += 16) {
    const v128_t *v = weights, *w = weights + counts[0];
    v128_t a[4] = {start, start, start, start}, b[4] = {next, next, next, next};
    int32_t pair = 0;
    for (; pair < lead; pair += 1, v += 1) add16(a, slots[pair] + 4 * column, wasm_v128_load(v));
    for (; pair < second; pair += 1, v += 1, w += 1) {
      add16(a, slots[pair] + 4 * column, wasm_v128_load(v));
      add16(b, slots[pair] + 4 * column, wasm_v128_load(w));
    }
    if (pair < end - counts[1]) pair = end - counts[1]; /* rows between the two that neither needs */
    for (; pair < end; pair += 1, w += 1) add16(b, slots[pair] + 4 * column, wasm_v128_load(w));
    put16(sums + column, a);
    put16(sums + plan.sumsStride + column, b);
  }
  plan.weight += counts[0] + counts[1];
}

/* Both halves of four sums, added as float64. */
static inline v128_t sum_halves(v128_t x) {
  v128_t high = wasm_i32x4_shuffle(x, x, 2, 3, 2, 3);
  return wasm_f64x2_add(wasm_f64x2_promote_low_f32x4(x), wasm_f64x2_promote_low_f32x4(high));
}

static void filter_two_rows(void) {
  const float *sums = (const float *)plan.sums, *weights = (const float *)plan.columnWeights;
  const int32_t *starts = (const int32_t *)plan.columnStarts;
  int32_t outputs = plan.columnOutputs, taps = plan.columnTaps, stride = plan.sumsStride;
  double *result = (double *)plan.result + plan.output * outputs;
  v128_t units = wasm_v128_load((const double *)plan.units + plan.output);
  for (int output = 0; output < outputs; output += 1, result += 1) {
    const float *from = sums + starts[output], *next = from + stride;
    v128_t a = wasm_f32x4_splat(0), b = a;
    for (int left = taps; left > 0; left -= 4, from += 4, next += 4, weights += 4) {
      __asm__("" : "+r"(from), "+r"(next), "+r"(weights));
      v128_t w = wasm_v128_load(weights);
      a = wasm_f32x4_add(a, wasm_f32x4_mul(wasm_v128_load(from), w));
      b = wasm_f32x4_add(b, wasm_f32x4_mul(wasm_v128_load(next), w));
    }
    v128_t two = sum_halves(a), other = sum_halves(b);
    v128_t sum = wasm_f64x2_add(wasm_i64x2_shuffle(two, other, 0, 2), wasm_i64x2_shuffle(two, other, 1, 3));
    sum = wasm_f64x2_mul(sum, units);
    wasm_v128_store64_lane(result, sum, 0);
    wasm_v128_store64_lane(result + outputs, sum, 1);
  }
}

/* Makes the outputs from here to `last`, as soon as their rows have been taken. Returns 0 before. */
static int make_outputs(int32_t last) {
  const int32_t *firsts = (const int32_t *)plan.firstPairs;
  const int32_t *counts = (const int32_t *)plan.pairCounts;
  if (firsts[last] + counts[last] > plan.pairs) return 0;
  if (plan.parts == 1) {
    sum_rows_of_two();
    filter_two_rows();
  } else {
    sum_rows();
    filter_row();
  }
  plan.output = last + 1;
  return 1;
}

/* Takes rows; an odd number of them only at the end. */
EXPORT(resample_feed) void resample_feed(const uint8_t *rows, int32_t count) {
  int32_t more = plan.parts == 1;
  for (int row = 0; row < count; row += 2) {
    const uint8_t *first = rows + row * plan.stride;
    take(first, row + 1 < count ? first + plan.stride : first);
    while (plan.output < plan.outputs && make_outputs(plan.output + more)) {
    }
  }
}

/* Marks the stored values that occur: used[low 16 bits] = 1. Of the plan only the format is used. */
EXPORT(resample_mark) void resample_mark(const uint8_t *rows, int32_t count, uint8_t *used) {
  for (int row = 0; row < count; row += 1) {
    for (int column = 0; column < plan.columns; column += 1) {
      used[stored1(rows + row * plan.stride, column) & 0xffff] = 1;
    }
  }
}

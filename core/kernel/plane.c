/*
 * Passes over a small image after resampling: the ends of its range, histograms, grey levels. Each does what its
 * caller in ../imaging and ../gating says in float64, bit for bit.
 */
#include "kernel.h"

enum { BINS = 1024, TABLES = 4 };

static inline v128_t promote_low(v128_t x) { return wasm_f64x2_promote_low_f32x4(x); }

static inline v128_t promote_high(v128_t x) {
  return wasm_f64x2_promote_low_f32x4(wasm_i32x4_shuffle(x, x, 2, 3, 2, 3));
}

/* The low halves of two vectors. */
static inline v128_t join(v128_t low, v128_t high) { return wasm_i64x2_shuffle(low, high, 0, 2); }

/*
 * How often each of 0..BINS occurs. Four tables, added up at last: neighbours fall into one bin, and a counter that
 * was just stored is slow to load.
 */
static void count_bins(const uint16_t *bins, int32_t count, uint32_t *counts) {
  static uint32_t tables[TABLES][BINS + 1];
  __builtin_memset(tables, 0, sizeof tables);
  int32_t at = 0;
  for (; at + TABLES <= count; at += TABLES) {
    for (int table = 0; table < TABLES; table += 1) tables[table][bins[at + table]] += 1;
  }
  for (; at < count; at += 1) tables[0][bins[at]] += 1;
  for (int bin = 0; bin <= BINS; bin += 1) {
    counts[bin] = tables[0][bin] + tables[1][bin] + tables[2][bin] + tables[3][bin];
  }
}

/* gain * v + offset, where the weights of a row and a column add up to rowSums * columnSums. */
EXPORT(plane_scale) void plane_scale(double *values, int32_t rows, int32_t columns,
                                     const double *rowSums, const double *columnSums, double gain,
                                     double offset) {
  v128_t gains = wasm_f64x2_splat(gain);
  for (int32_t row = 0; row < rows; row += 1, values += columns) {
    double rowOffset = offset * rowSums[row];
    v128_t rowOffsets = wasm_f64x2_splat(rowOffset);
    int32_t column = 0;
    for (; column + 2 <= columns; column += 2) {
      v128_t scaled = wasm_f64x2_mul(gains, wasm_v128_load(values + column));
      v128_t added = wasm_f64x2_mul(rowOffsets, wasm_v128_load(columnSums + column));
      wasm_v128_store(values + column, wasm_f64x2_add(scaled, added));
    }
    if (column < columns) {
      values[column] = gain * values[column] + rowOffset * columnSums[column];
    }
  }
}

/* The bin of each value, never lower for a higher one, between the lowest and the highest; and the histogram. */
EXPORT(plane_bins) void plane_bins(const double *values, int32_t count, uint16_t *bins,
                                   uint32_t *counts) {
  v128_t lows = wasm_f64x2_splat(values[0]), highs = lows;
  int32_t at = 0;
  for (; at + 2 <= count; at += 2) {
    v128_t x = wasm_v128_load(values + at);
    lows = wasm_f64x2_pmin(lows, x);
    highs = wasm_f64x2_pmax(highs, x);
  }
  double low = wasm_f64x2_extract_lane(lows, 0), high = wasm_f64x2_extract_lane(highs, 0);
  double other = wasm_f64x2_extract_lane(lows, 1);
  if (other < low) low = other;
  other = wasm_f64x2_extract_lane(highs, 1);
  if (other > high) high = other;
  if (at < count && values[at] < low) low = values[at];
  if (at < count && values[at] > high) high = values[at];

  double scale = BINS / (high - low);
  if (!(scale <= __DBL_MAX__)) scale = 0; /* all are alike, or nearly */
  v128_t first = wasm_f64x2_splat(low), scales = wasm_f64x2_splat(scale);
  for (at = 0; at + 4 <= count; at += 4) {
    v128_t x = wasm_f64x2_mul(wasm_f64x2_sub(wasm_v128_load(values + at), first), scales);
    v128_t y = wasm_f64x2_mul(wasm_f64x2_sub(wasm_v128_load(values + at + 2), first), scales);
    v128_t four = join(wasm_i32x4_trunc_sat_f64x2_zero(x), wasm_i32x4_trunc_sat_f64x2_zero(y));
    wasm_v128_store64_lane(bins + at, wasm_i16x8_narrow_i32x4(four, four), 0);
  }
  for (; at < count; at += 1) bins[at] = (uint16_t)((values[at] - low) * scale);
  count_bins(bins, count, counts);
}

/* Puts the values of some bins one after the other; returns how many. */
EXPORT(plane_gather) int32_t plane_gather(const double *values, int32_t count, const uint16_t *bins,
                                          int32_t first, int32_t last, double *near) {
  double *to = near;
  v128_t low = wasm_i16x8_splat((int16_t)first), high = wasm_i16x8_splat((int16_t)last);
  int32_t at = 0;
  for (; at + 8 <= count; at += 8) {
    v128_t x = wasm_v128_load(bins + at);
    v128_t inside = wasm_v128_and(wasm_i16x8_ge(x, low), wasm_i16x8_le(x, high));
    for (uint32_t mask = wasm_i16x8_bitmask(inside); mask != 0; mask &= mask - 1) {
      *to++ = values[at + __builtin_ctz(mask)];
    }
  }
  for (; at < count; at += 1) {
    if (bins[at] >= first && bins[at] <= last) *to++ = values[at];
  }
  return to - near;
}

/* gain * (v - low) - 1, held between -1 and 1, as float32. */
EXPORT(plane_stretch) void plane_stretch(const double *values, int32_t count, double gain, double low,
                                         float *to) {
  v128_t gains = wasm_f64x2_splat(gain), lows = wasm_f64x2_splat(low), one = wasm_f64x2_splat(1);
  v128_t bottom = wasm_f64x2_splat(-1);
  int32_t at = 0;
  for (; at + 2 <= count; at += 2) {
    v128_t x = wasm_f64x2_mul(gains, wasm_f64x2_sub(wasm_v128_load(values + at), lows));
    x = wasm_f64x2_pmin(wasm_f64x2_pmax(wasm_f64x2_sub(x, one), bottom), one);
    wasm_v128_store64_lane(to + at, wasm_f32x4_demote_f64x2_zero(x), 0);
  }
  if (at < count) {
    double x = gain * (values[at] - low) - 1;
    to[at] = (float)(x < -1 ? -1 : x > 1 ? 1 : x);
  }
}

/* Held between two values, as float32. */
EXPORT(plane_clip) void plane_clip(const double *values, int32_t count, double low, double high,
                                   float *to) {
  v128_t lows = wasm_f64x2_splat(low), highs = wasm_f64x2_splat(high);
  int32_t at = 0;
  for (; at + 2 <= count; at += 2) {
    v128_t x = wasm_f64x2_pmin(wasm_f64x2_pmax(wasm_v128_load(values + at), lows), highs);
    wasm_v128_store64_lane(to + at, wasm_f32x4_demote_f64x2_zero(x), 0);
  }
  if (at < count) {
    double x = values[at];
    to[at] = (float)(x < low ? low : x > high ? high : x);
  }
}

/* The histogram of (v - bottom) * scale, rounded and held between 0 and BINS. */
EXPORT(plane_histogram) void plane_histogram(const float *values, int32_t count, double bottom,
                                             double scale, uint16_t *bins, uint32_t *counts) {
  v128_t bottoms = wasm_f64x2_splat(bottom), scales = wasm_f64x2_splat(scale);
  v128_t half = wasm_f64x2_splat(0.5), none = wasm_i16x8_splat(0), most = wasm_i16x8_splat(BINS);
  int32_t at = 0;
  for (; at + 4 <= count; at += 4) {
    v128_t four = wasm_v128_load(values + at);
    v128_t x = wasm_f64x2_mul(wasm_f64x2_sub(promote_low(four), bottoms), scales);
    v128_t y = wasm_f64x2_mul(wasm_f64x2_sub(promote_high(four), bottoms), scales);
    x = wasm_i32x4_trunc_sat_f64x2_zero(wasm_f64x2_add(x, half));
    y = wasm_i32x4_trunc_sat_f64x2_zero(wasm_f64x2_add(y, half));
    four = join(x, y);
    four = wasm_i16x8_narrow_i32x4(four, four);
    four = wasm_i16x8_min(wasm_i16x8_max(four, none), most);
    wasm_v128_store64_lane(bins + at, four, 0);
  }
  for (; at < count; at += 1) {
    double x = ((double)values[at] - bottom) * scale + 0.5;
    bins[at] = (uint16_t)(x < 0 ? 0 : x > BINS ? BINS : x);
  }
  count_bins(bins, count, counts);
}

/* gain * v + offset as float32, held between -1 and 1. Gives how many are held at -1 and at 1. */
EXPORT(plane_levels) void plane_levels(const float *values, int32_t count, double gain, double offset,
                                       float *to, int32_t *held) {
  v128_t gains = wasm_f64x2_splat(gain), offsets = wasm_f64x2_splat(offset);
  v128_t one = wasm_f32x4_splat(1), bottom = wasm_f32x4_splat(-1);
  v128_t black = wasm_i32x4_splat(0), white = black;
  int32_t at = 0;
  for (; at + 4 <= count; at += 4) {
    v128_t four = wasm_v128_load(values + at);
    v128_t x = wasm_f64x2_add(wasm_f64x2_mul(gains, promote_low(four)), offsets);
    v128_t y = wasm_f64x2_add(wasm_f64x2_mul(gains, promote_high(four)), offsets);
    /* Rounded as it is stored, so that what is counted is what is there. */
    four = join(wasm_f32x4_demote_f64x2_zero(x), wasm_f32x4_demote_f64x2_zero(y));
    black = wasm_i32x4_sub(black, wasm_f32x4_le(four, bottom));
    white = wasm_i32x4_sub(white, wasm_f32x4_ge(four, one));
    wasm_v128_store(to + at, wasm_f32x4_pmin(wasm_f32x4_pmax(four, bottom), one));
  }
  held[0] = held[1] = 0;
  for (int lane = 0; lane < 4; lane += 1) {
    int32_t lanes[4];
    wasm_v128_store(lanes, black);
    held[0] += lanes[lane];
    wasm_v128_store(lanes, white);
    held[1] += lanes[lane];
  }
  for (; at < count; at += 1) {
    float x = (float)(gain * values[at] + offset);
    held[0] += x <= -1;
    held[1] += x >= 1;
    to[at] = x < -1 ? -1 : x > 1 ? 1 : x;
  }
}

/* Sums of cells by cells cells of a square plane: cell c begins at starts[c] in both directions. */
EXPORT(plane_cells) void plane_cells(const float *values, int32_t size, int32_t cells,
                                     const int32_t *starts, double *sums) {
  for (int32_t cell = 0; cell < cells * cells; cell += 1) sums[cell] = 0;
  for (int32_t row = 0; row < cells; row += 1, sums += cells) {
    for (int32_t y = starts[row]; y < starts[row + 1]; y += 1, values += size) {
      for (int32_t cell = 0; cell < cells; cell += 1) {
        double sum = sums[cell];
        for (int32_t x = starts[cell]; x < starts[cell + 1]; x += 1) sum += values[x];
        sums[cell] = sum;
      }
    }
  }
}

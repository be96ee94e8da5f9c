/*
 * One step of the inverse wavelet transforms of JPEG 2000: four bands become an image of twice the size. Source: T.800
 * Annex F. Every band begins at an even sample.
 *
 * Rows of all of them are MARGIN words behind the address that is given, as many words are free behind their last
 * one, and they may be read and written up to the next multiple of four.
 */
#include "kernel.h"

#define MARGIN 4

/*
 * Source: T.800 Table F.4, with as many digits as other decoders take. LOW and HIGH are K and 1 / K, the second one as
 * the world's OpenJPEG has it, 3e-5 from the standard's: the same pixels as everybody's are worth more.
 */
#define ALPHA -1.586134342f
#define BETA -0.052980118f
#define GAMMA 0.882911075f
#define DELTA 0.443506852f
#define LOW 1.230174105f
#define HIGH 0.812866211f

/* Lifting steps in their order: even samples from the odd ones at their sides, then odd from even, and so on. */
typedef enum { EVEN_53, ODD_53, EVEN_DELTA, ODD_GAMMA, EVEN_BETA, ODD_ALPHA } Step;

/* Changes samples by those at their sides. Source: T.800 F.3.8. */
static void lift(Step step, int32_t *samples, const int32_t *before, const int32_t *behind, int count) {
  static const float FACTORS[] = {0, 0, DELTA, GAMMA, BETA, ALPHA};
  if (step == EVEN_53) {
    v128_t two = wasm_i32x4_splat(2);
    for (int at = 0; at < count; at += 4) {
      v128_t sum = wasm_i32x4_add(wasm_v128_load(before + at), wasm_v128_load(behind + at));
      sum = wasm_i32x4_shr(wasm_i32x4_add(sum, two), 2);
      wasm_v128_store(samples + at, wasm_i32x4_sub(wasm_v128_load(samples + at), sum));
    }
  } else if (step == ODD_53) {
    for (int at = 0; at < count; at += 4) {
      v128_t sum = wasm_i32x4_add(wasm_v128_load(before + at), wasm_v128_load(behind + at));
      sum = wasm_i32x4_shr(sum, 1);
      wasm_v128_store(samples + at, wasm_i32x4_add(wasm_v128_load(samples + at), sum));
    }
  } else {
    v128_t factor = wasm_f32x4_splat(FACTORS[step]);
    for (int at = 0; at < count; at += 4) {
      v128_t sum = wasm_f32x4_add(wasm_v128_load(before + at), wasm_v128_load(behind + at));
      sum = wasm_f32x4_mul(sum, factor);
      wasm_v128_store(samples + at, wasm_f32x4_sub(wasm_v128_load(samples + at), sum));
    }
  }
}

static void copy_scaled(const int32_t *from, int32_t *to, int count, float scale) {
  if (scale == 1) {
    __builtin_memcpy(to, from, 4 * count);
    return;
  }
  v128_t factor = wasm_f32x4_splat(scale);
  for (int at = 0; at < count; at += 4) {
    wasm_v128_store(to + at, wasm_f32x4_mul(wasm_v128_load(from + at), factor));
  }
}

/* A row of `width` samples from its even and its odd ones, which are changed. */
static void join_row(int reversible, int32_t *even, int32_t *odd, int32_t *to, int width) {
  int evens = (width + 1) >> 1, odds = width >> 1;
  if (width == 1) {
    to[0] = even[0];
    return;
  }
  for (Step step = reversible ? EVEN_53 : EVEN_DELTA; step <= (reversible ? ODD_53 : ODD_ALPHA); step += 2) {
    odd[-1] = odd[0];
    odd[odds] = odd[odds - 1]; /* stands at a side of an even sample where the width is odd */
    lift(step, even, odd - 1, odd, evens);
    even[evens] = even[evens - 1]; /* and this one where it is even */
    lift(step + 1, odd, even, even + 1, odds);
  }
  for (int at = 0; at < evens; at += 4) {
    v128_t e = wasm_v128_load(even + at), o = wasm_v128_load(odd + at);
    wasm_v128_store(to + 2 * at, wasm_i32x4_shuffle(e, o, 0, 4, 1, 5));
    if (2 * at + 4 < width) wasm_v128_store(to + 2 * at + 4, wasm_i32x4_shuffle(e, o, 2, 6, 3, 7));
  }
}

/* The row that stands in place of one outside. */
static int mirrored(int row, int height) {
  if (row < 0) return -row;
  return row < height ? row : 2 * (height - 1) - row;
}

/*
 * `low`: LL, and LH below it; `high`: HL, and HH below it; words of int32 for the reversible wavelet, of float for the
 * other one. `scratch`: two lines as long as one of `low`.
 */
EXPORT(wavelet_step) void wavelet_step(int32_t reversible, const int32_t *ll, const int32_t *lh, const int32_t *hl,
                                       const int32_t *hh, int32_t width, int32_t height, int32_t *to,
                                       int32_t *scratch) {
  int evens = (width + 1) >> 1, odds = width >> 1;
  int lowPitch = ((evens + 3) & ~3) + 2 * MARGIN, highPitch = ((odds + 3) & ~3) + 2 * MARGIN;
  int pitch = ((width + 3) & ~3) + 2 * MARGIN;
  int32_t *even = scratch + MARGIN, *odd = even + lowPitch;
  Step first = reversible ? EVEN_53 : EVEN_DELTA, last = reversible ? ODD_53 : ODD_ALPHA;
  /* A line of one sample is not scaled either. */
  int along = !reversible && width > 1, down = !reversible && height > 1;
  to += MARGIN;
  for (int front = 0; front - (int)(last - first) < height; front += 2) {
    for (int y = front; y < front + 2 && y < height; y += 1) {
      int half = y >> 1;
      const int32_t *low = y & 1 ? lh : ll, *high = y & 1 ? hh : hl;
      int32_t *row = to + y * pitch;
      copy_scaled(low + half * lowPitch + MARGIN, even, evens, along ? LOW : 1);
      copy_scaled(high + half * highPitch + MARGIN, odd, odds, along ? HIGH : 1);
      join_row(reversible, even, odd, row, width);
      if (down) copy_scaled(row, row, width, y & 1 ? HIGH : LOW);
    }
    if (height == 1) break;
    /* Each step is a row behind the one before it: rows are changed while they are in the cache. */
    for (Step step = first; step <= last; step += 1) {
      int y = front - (int)(step - first);
      if (y < 0 || y >= height) continue;
      const int32_t *before = to + mirrored(y - 1, height) * pitch, *behind = to + mirrored(y + 1, height) * pitch;
      lift(step, to + y * pitch, before, behind, width);
    }
  }
}

/*
 * Samples of so many bits as uint16 or int16, without margins: from the plane's beginning on, where what is written is
 * always behind what is read. Held in the range of as many bits, or more. Returns how far they were beyond that of `bits`,
 * 0 or less for none. Source: T.800 G.1.
 */
EXPORT(wavelet_samples) int32_t wavelet_samples(int32_t reversible, int32_t *plane, int32_t width, int32_t height,
                                                int32_t bits, int32_t isSigned, int32_t heldBits) {
  const int32_t *from = plane + MARGIN;
  uint8_t *to = (uint8_t *)plane;
  int pitch = ((width + 3) & ~3) + 2 * MARGIN;
  int32_t half = 1 << (bits - 1);
  int32_t raise = isSigned ? 0 : half, lowest = isSigned ? -(1 << (heldBits - 1)) : -half;
  v128_t low = wasm_i32x4_splat(lowest), high = wasm_i32x4_splat(lowest + (1 << heldBits) - 1);
  v128_t shift = wasm_i32x4_splat(raise), last = wasm_i32x4_splat(half - 1), most = wasm_i32x4_splat(-half);
  for (int y = 0; y < height; y += 1, from += pitch, to += 2 * width) {
    for (int x = 0; x < width; x += 4) {
      v128_t four = wasm_v128_load(from + x);
      if (!reversible) four = wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(four));
      /* -1 - x is as far below the range as x is above it; what stands behind the row does not count. */
      v128_t beyond = wasm_i32x4_sub(wasm_v128_xor(four, wasm_i32x4_shr(four, 31)), last);
      v128_t there = wasm_i32x4_lt(wasm_i32x4_make(0, 1, 2, 3), wasm_i32x4_splat(width - x));
      most = wasm_i32x4_max(most, wasm_v128_bitselect(beyond, most, there));
      four = wasm_i32x4_min(wasm_i32x4_max(four, low), high);
      four = wasm_i32x4_add(four, shift);
      four = wasm_i8x16_shuffle(four, four, 0, 1, 4, 5, 8, 9, 12, 13, 0, 1, 4, 5, 8, 9, 12, 13);
      /* Up to three samples too many are overwritten by the next row's. */
      wasm_v128_store64_lane(to + 2 * x, four, 0);
    }
  }
  most = wasm_i32x4_max(most, wasm_i32x4_shuffle(most, most, 2, 3, 0, 1));
  most = wasm_i32x4_max(most, wasm_i32x4_shuffle(most, most, 1, 0, 3, 2));
  return wasm_i32x4_extract_lane(most, 0);
}

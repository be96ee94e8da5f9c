/*
 * The first half of a resampling: two stored rows are brought to 16 signed bits, interleaved, and put into the ring.
 */
#ifndef RESAMPLE_TAKE_H
#define RESAMPLE_TAKE_H

#include "resample-plan.h"

/*
 * A shift count that the compiler cannot move out of a loop: clang 14 takes vector shifts apart, and wrongly,
 * when it does not see in the same block that all lanes shift alike.
 */
static inline int32_t here(int32_t count) {
  __asm__ volatile("" : "+r"(count));
  return count;
}

static inline v128_t load8(const uint8_t *from, int sampleBytes) {
  return sampleBytes == 1 ? wasm_u16x8_load8x8(from) : wasm_v128_load(from);
}

/* The stored bits of eight samples, sign extended, less the bias. */
static inline v128_t stored8(const uint8_t *from, int sampleBytes, int shifted, int isSigned,
                             v128_t mask, v128_t bias) {
  v128_t x = load8(from, sampleBytes);
  if (shifted) {
    x = wasm_i16x8_shl(x, here(plan.shiftUp));
    x = isSigned ? wasm_i16x8_shr(x, here(plan.shiftDown)) : wasm_u16x8_shr(x, here(plan.shiftDown));
  } else {
    x = wasm_v128_and(x, mask);
  }
  return wasm_i16x8_sub(x, bias);
}

static inline v128_t toned8(v128_t x) {
  x = wasm_i16x8_min(wasm_i16x8_max(x, wasm_i16x8_splat(plan.clampLow)),
                     wasm_i16x8_splat(plan.clampHigh));
  x = wasm_i16x8_shl(wasm_i16x8_sub(x, wasm_i16x8_splat(plan.centre)), here(plan.scaleBits));
  return wasm_i16x8_min(wasm_i16x8_max(x, wasm_i16x8_splat(plan.floor)),
                        wasm_i16x8_splat(plan.ceiling));
}

static inline int32_t stored1(const uint8_t *row, int column) {
  uint32_t raw = plan.sampleBytes == 1 ? row[column] : ((const uint16_t *)row)[column];
  uint32_t up = (raw << plan.shiftUp) & 0xffff;
  return plan.isSigned ? (int16_t)up >> plan.shiftDown : (int32_t)(up >> plan.shiftDown);
}

static inline int16_t toned1(int32_t stored) {
  int32_t x = stored - plan.bias;
  if (x < plan.min) plan.min = x;
  if (x > plan.max) plan.max = x;
  if (plan.tone == TONE_TABLE) return ((const int16_t *)plan.table)[stored & 0xffff];
  if (plan.tone == TONE_CLAMP) {
    x = x < plan.clampLow ? plan.clampLow : x > plan.clampHigh ? plan.clampHigh : x;
    x = (x - plan.centre) << plan.scaleBits;
    x = x < plan.floor ? plan.floor : x > plan.ceiling ? plan.ceiling : x;
  }
  return (int16_t)x;
}

static inline uint8_t *slot_of_pair(void) {
  return (uint8_t *)(plan.ring + plan.pairs % plan.ringPairs * plan.slotBytes);
}

static void note_range(v128_t low, v128_t high) {
  int16_t lows[8], highs[8];
  wasm_v128_store(lows, low);
  wasm_v128_store(highs, high);
  for (int lane = 0; lane < 8; lane += 1) {
    if (lows[lane] < plan.min) plan.min = lows[lane];
    if (highs[lane] > plan.max) plan.max = highs[lane];
  }
}

static inline void interleave(uint8_t *to, v128_t x, v128_t y) {
  wasm_v128_store(to, wasm_i16x8_shuffle(x, y, 0, 8, 1, 9, 2, 10, 3, 11));
  wasm_v128_store(to + 16, wasm_i16x8_shuffle(x, y, 4, 12, 5, 13, 6, 14, 7, 15));
}

static inline int is_shifted(void) { return plan.shiftDown != plan.shiftUp || plan.isSigned; }

/*
 * Unsigned samples of two bytes as they are, sixteen columns at a time. Returns how many columns it took: none where
 * there are bits above the stored ones, as old objects have them, or what would not fit 16 signed bits.
 */
static int32_t take_plain(const uint8_t *a, const uint8_t *b) {
  if (plan.tone != TONE_NONE || plan.sampleBytes != 2 || is_shifted() || plan.bias != 0) return 0;
  uint8_t *to = slot_of_pair();
  v128_t low = wasm_i16x8_splat(INT16_MAX), high = wasm_i16x8_splat(INT16_MIN);
  v128_t limit = wasm_i16x8_splat((int16_t)(0xffff >> plan.shiftUp & INT16_MAX));
  int32_t whole = plan.columns & ~15;
  for (int32_t left = whole; left > 0; left -= 16, a += 32, b += 32, to += 64) {
    /* What the compiler does not know to be a distance from the row stays a constant distance from here. */
    __asm__("" : "+r"(a), "+r"(b), "+r"(to));
    v128_t x = wasm_v128_load(a), y = wasm_v128_load(b);
    low = wasm_i16x8_min(low, wasm_i16x8_min(x, y));
    high = wasm_i16x8_max(high, wasm_i16x8_max(x, y));
    interleave(to, x, y);
    x = wasm_v128_load(a + 16), y = wasm_v128_load(b + 16);
    low = wasm_i16x8_min(low, wasm_i16x8_min(x, y));
    high = wasm_i16x8_max(high, wasm_i16x8_max(x, y));
    interleave(to + 32, x, y);
  }
  v128_t outside = wasm_v128_or(wasm_i16x8_lt(low, wasm_i16x8_splat(0)), wasm_i16x8_gt(high, limit));
  if (wasm_v128_any_true(outside)) return 0;
  note_range(low, high);
  return whole;
}

/* The columns from one on. */
static inline __attribute__((always_inline)) void take_pair(const uint8_t *a, const uint8_t *b,
                                                            int32_t column, int sampleBytes,
                                                            int shifted, int isSigned, int clamp) {
  uint8_t *slot = slot_of_pair();
  v128_t mask = wasm_i16x8_splat((int16_t)(0xffff >> plan.shiftUp));
  v128_t bias = wasm_i16x8_splat((int16_t)plan.bias);
  v128_t low = wasm_i16x8_splat(INT16_MAX), high = wasm_i16x8_splat(INT16_MIN);
  int whole = plan.columns & ~7;
  for (; column < whole; column += 8) {
    v128_t x = stored8(a + column * sampleBytes, sampleBytes, shifted, isSigned, mask, bias);
    v128_t y = stored8(b + column * sampleBytes, sampleBytes, shifted, isSigned, mask, bias);
    low = wasm_i16x8_min(low, wasm_i16x8_min(x, y));
    high = wasm_i16x8_max(high, wasm_i16x8_max(x, y));
    if (clamp) {
      x = toned8(x);
      y = toned8(y);
    }
    interleave(slot + 4 * column, x, y);
  }
  note_range(low, high);
  for (; column < plan.columns; column += 1) {
    ((int16_t *)slot)[2 * column] = toned1(stored1(a, column));
    ((int16_t *)slot)[2 * column + 1] = toned1(stored1(b, column));
  }
}

static void take_pair_by_table(const uint8_t *a, const uint8_t *b) {
  int16_t *slot = (int16_t *)slot_of_pair();
  for (int column = 0; column < plan.columns; column += 1) {
    slot[2 * column] = toned1(stored1(a, column));
    slot[2 * column + 1] = toned1(stored1(b, column));
  }
}

static void take(const uint8_t *a, const uint8_t *b) {
  int32_t taken = take_plain(a, b);
  if (plan.tone == TONE_TABLE) {
    take_pair_by_table(a, b);
  } else if (plan.tone == TONE_CLAMP) {
    if (plan.sampleBytes == 1) take_pair(a, b, 0, 1, 1, plan.isSigned, 1);
    else if (is_shifted()) take_pair(a, b, 0, 2, 1, plan.isSigned, 1);
    else take_pair(a, b, 0, 2, 0, 0, 1);
  } else {
    if (plan.sampleBytes == 1) take_pair(a, b, 0, 1, 1, plan.isSigned, 0);
    else if (is_shifted()) take_pair(a, b, 0, 2, 1, plan.isSigned, 0);
    else take_pair(a, b, taken, 2, 0, 0, 0);
  }
  plan.pairs += 1;
}

#endif

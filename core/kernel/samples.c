/* Passes over the samples of a decoded image, 16 bits each: see adapters/dicom/decoders/sample-range.ts. */
#include "kernel.h"

/* Turns unsigned samples into signed ones of the same order, and back. */
static inline v128_t top_bit(int32_t isSigned) {
  return wasm_i16x8_splat(isSigned ? 0 : (int16_t)0x8000);
}

/* The lowest and the highest of at least one sample. `to` has room for both. */
EXPORT(samples_range) void samples_range(const uint16_t *samples, int32_t count, int32_t isSigned,
                                         int32_t *to) {
  v128_t flip = top_bit(isSigned), low = wasm_i16x8_splat(32767), high = wasm_i16x8_splat(-32768);
  int32_t at = 0;
  for (; at + 8 <= count; at += 8) {
    v128_t x = wasm_v128_xor(wasm_v128_load(samples + at), flip);
    low = wasm_i16x8_min(low, x);
    high = wasm_i16x8_max(high, x);
  }
  for (; at < count; at += 1) {
    v128_t x = wasm_v128_xor(wasm_v128_load16_splat(samples + at), flip);
    low = wasm_i16x8_min(low, x);
    high = wasm_i16x8_max(high, x);
  }
  int16_t lows[8], highs[8];
  wasm_v128_store(lows, low);
  wasm_v128_store(highs, high);
  int32_t least = lows[0], most = highs[0];
  for (int lane = 1; lane < 8; lane += 1) {
    if (lows[lane] < least) least = lows[lane];
    if (highs[lane] > most) most = highs[lane];
  }
  to[0] = least + (isSigned ? 0 : 32768);
  to[1] = most + (isSigned ? 0 : 32768);
}

/* Holds samples between two values. */
EXPORT(samples_hold) void samples_hold(uint16_t *samples, int32_t count, int32_t isSigned, int32_t low,
                                       int32_t high) {
  v128_t flip = top_bit(isSigned);
  v128_t lows = wasm_v128_xor(wasm_i16x8_splat((int16_t)low), flip);
  v128_t highs = wasm_v128_xor(wasm_i16x8_splat((int16_t)high), flip);
  int32_t at = 0;
  for (; at + 8 <= count; at += 8) {
    v128_t x = wasm_v128_xor(wasm_v128_load(samples + at), flip);
    x = wasm_i16x8_min(wasm_i16x8_max(x, lows), highs);
    wasm_v128_store(samples + at, wasm_v128_xor(x, flip));
  }
  for (; at < count; at += 1) {
    int32_t x = isSigned ? (int16_t)samples[at] : samples[at];
    samples[at] = (uint16_t)(x < low ? low : x > high ? high : x);
  }
}

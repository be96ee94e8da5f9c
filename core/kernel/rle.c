/*
 * PackBits of RLE Lossless, a piece of a segment at a time: see adapters/dicom/decoders/rle.ts. Source: PS3.5
 * Annex G.
 */
#include "kernel.h"

/* Bytes of a segment that are unpacked at a time: they stay in the first-level cache until samples are made of them. */
#define PIECE_BYTES 4096
#define LONGEST_RUN 128

typedef struct {
  int32_t from; /* next byte of the segment; 16 more than it has must be readable */
  int32_t end;
  int32_t left;    /* bytes that the current run still gives */
  int32_t literal; /* 1: they are copied, 0: one byte is repeated */
} Run;

/* Runs are written sixteen bytes at a time, the last of them beyond their end. */
static uint8_t pieces[2][PIECE_BYTES + 16];

/*
 * Whole runs, as long as the longest one fits on both sides. Copied or repeated is a mask and no branch: which it is
 * cannot be predicted, nor how long a run is, but most fit into one store.
 */
static inline uint8_t *unpack_whole(const uint8_t **source, const uint8_t *end, uint8_t *to,
                                    const uint8_t *stop) {
  const uint8_t *from = *source;
  while (stop - to >= LONGEST_RUN && end - from > LONGEST_RUN) {
    int32_t control = *from++;
    if (control == 128) continue; /* no operation */
    int32_t literal = control < 128;
    int32_t length = literal ? control + 1 : 257 - control;
    v128_t copied = wasm_i8x16_splat((int8_t)-literal), value = wasm_v128_load8_splat(from);
    int32_t at = 0;
    do {
      v128_t bytes = wasm_v128_bitselect(wasm_v128_load(from + at), value, copied);
      wasm_v128_store(to + at, bytes);
      at += 16;
    } while (at < length);
    from += literal ? length : 1;
    to += length;
  }
  *source = from;
  return to;
}

static int unpack(Run *run, uint8_t *to, int32_t count) {
  const uint8_t *from = (const uint8_t *)run->from, *end = (const uint8_t *)run->end;
  int32_t left = run->left, literal = run->literal;
  const uint8_t *stop = to + count;
  while (to < stop) {
    if (left == 0) {
      to = unpack_whole(&from, end, to, stop);
      if (to == stop) break;
      if (end - from < 2) return 0;
      uint8_t control = *from++;
      if (control == 128) continue; /* no operation */
      literal = control < 128;
      left = literal ? control + 1 : 257 - control;
    }
    int32_t now = stop - to < left ? stop - to : left;
    left -= now;
    if (literal) {
      if (end - from < now) return 0;
      for (int32_t at = 0; at < now; at += 16) wasm_v128_store(to + at, wasm_v128_load(from + at));
      from += now;
    } else {
      v128_t value = wasm_v128_load8_splat(from);
      for (int32_t at = 0; at < now; at += 16) wasm_v128_store(to + at, value);
      if (left == 0) from += 1;
    }
    to += now;
  }
  run->from = (int32_t)from;
  run->left = left;
  run->literal = literal;
  return 1;
}

/* The next samples of one or two segments, little endian. Returns 0 when a segment ends before. */
EXPORT(rle_samples) int rle_samples(Run *runs, int32_t segments, uint8_t *to, int32_t count) {
  const uint8_t *high = pieces[0], *low = pieces[1];
  while (count > 0) {
    int32_t now = count < PIECE_BYTES ? count : PIECE_BYTES;
    if (!unpack(&runs[0], pieces[0], now)) return 0;
    if (segments == 1) {
      __builtin_memcpy(to, high, now);
    } else {
      if (!unpack(&runs[1], pieces[1], now)) return 0;
      int32_t at = 0;
      for (; at + 16 <= now; at += 16) {
        v128_t x = wasm_v128_load(low + at), y = wasm_v128_load(high + at);
        wasm_v128_store(to + 2 * at, wasm_i8x16_shuffle(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5,
                                                        21, 6, 22, 7, 23));
        wasm_v128_store(to + 2 * at + 16, wasm_i8x16_shuffle(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12,
                                                             28, 13, 29, 14, 30, 15, 31));
      }
      for (; at < now; at += 1) {
        to[2 * at] = low[at];
        to[2 * at + 1] = high[at];
      }
    }
    to += segments * now;
    count -= now;
  }
  return 1;
}

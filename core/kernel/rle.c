/*
 * PackBits of RLE Lossless, a piece of a segment at a time: see adapters/dicom/decoders/rle.ts. Source: PS3.5
 * Annex G.
 */
#include "kernel.h"

typedef struct {
  int32_t from; /* next byte of the segment */
  int32_t end;
  int32_t left;    /* bytes that the current run still gives */
  int32_t literal; /* 1: they are copied, 0: one byte is repeated */
} Run;

static inline __attribute__((always_inline)) int unpack(Run *run, uint8_t *to, int32_t stride,
                                                        int32_t count) {
  const uint8_t *from = (const uint8_t *)run->from, *end = (const uint8_t *)run->end;
  int32_t left = run->left, literal = run->literal;
  const uint8_t *stop = to + stride * count;
  while (to < stop) {
    if (left == 0) {
      if (end - from < 2) return 0;
      uint8_t control = *from++;
      if (control == 128) continue; /* no operation */
      literal = control < 128;
      left = literal ? control + 1 : 257 - control;
    }
    int32_t now = (stop - to) / stride;
    if (now > left) now = left;
    left -= now;
    if (literal) {
      if (end - from < now) return 0;
      for (; now > 0; now -= 1, to += stride) *to = *from++;
    } else {
      uint8_t value = *from;
      for (; now > 0; now -= 1, to += stride) *to = value;
      if (left == 0) from += 1;
    }
  }
  run->from = (int32_t)from;
  run->left = left;
  run->literal = literal;
  return 1;
}

/* Puts `count` bytes at every `stride`-th address. Returns 0 when the segment ends before. */
EXPORT(rle_unpack) int rle_unpack(Run *run, uint8_t *to, int32_t stride, int32_t count) {
  if (stride == 1) return unpack(run, to, 1, count);
  if (stride == 2) return unpack(run, to, 2, count);
  return unpack(run, to, stride, count);
}

/* The three bit streams of a code-block of high-throughput JPEG 2000, for high-throughput.c. Source: T.814 7.1. */
#ifndef HT_BITS_H
#define HT_BITS_H

#include "kernel.h"

INLINE uint64_t load64(const uint8_t *from) {
  uint64_t word;
  __builtin_memcpy(&word, from, 8);
  return word;
}

/* 57 bits from one on. */
INLINE uint64_t bits_at(const uint8_t *from, int32_t bit) { return load64(from + (bit >> 3)) >> (bit & 7); }

INLINE uint64_t load_reversed(const uint8_t *from) {
  v128_t bytes = wasm_v128_load64_zero(from);
  return wasm_i64x2_extract_lane(wasm_i8x16_shuffle(bytes, bytes, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
}

INLINE int has_ff(uint64_t word) {
  uint64_t zeros = ~word;
  return ((zeros - 0x0101010101010101u) & ~zeros & 0x8080808080808080u) != 0;
}

/* Bits of a stream as they are put down, those that do not fill a byte yet aside. */
typedef struct {
  uint8_t *to;
  uint64_t kept;
  int32_t count;
} Writer;

INLINE void put(Writer *w, uint32_t bits, int count) {
  w->kept |= (uint64_t)bits << w->count;
  w->count += count;
  if (w->count >= 8) {
    *w->to++ = w->kept;
    w->kept >>= 8;
    w->count -= 8;
  }
}

INLINE void put_word(Writer *w, uint64_t word) {
  w->kept |= word << w->count;
  __builtin_memcpy(w->to, &w->kept, 8);
  w->to += 8;
  w->kept = w->count == 0 ? 0 : word >> (64 - w->count);
}

/* Fills so many bytes behind the last bit, and returns how many bits there are. */
INLINE int32_t finish(Writer *w, const uint8_t *first, int fill, int32_t bytes) {
  int32_t bits = 8 * (int32_t)(w->to - first) + w->count;
  *w->to = w->kept | (uint32_t)fill << w->count;
  __builtin_memset(w->to + 1, fill, bytes - 1);
  return bits;
}

/* Magnitudes and signs, from the first byte on: a byte behind FF has seven bits, behind the end are ones. See 7.1.2. */
static int32_t take_forwards(const uint8_t *from, int32_t length, uint8_t *to, int32_t room) {
  Writer w = {to, 0, 0};
  const uint8_t *end = from + length;
  uint8_t last = 0;
  while (from < end) {
    if (end - from >= 8 && last != 0xff) {
      uint64_t word = load64(from);
      if (!has_ff(word)) {
        put_word(&w, word);
        from += 8;
        last = 0;
        continue;
      }
    }
    uint8_t byte = *from++;
    if (last == 0xff) put(&w, byte & 0x7f, 7);
    else put(&w, byte, 8);
    last = byte;
  }
  return finish(&w, to, 0xff, room);
}

/*
 * Codewords and offsets of exponents, from the last byte but one back, of which the higher half is theirs: a byte has
 * seven bits where they are ones and the byte before was above 8F. Source: 7.1.4.
 */
static int32_t take_backwards(const uint8_t *first, int32_t length, uint8_t *to, int32_t room) {
  Writer w = {to, 0, 0};
  const uint8_t *from = first + length - 2;
  uint8_t last = *from | 0x0f;
  if ((last & 0x7f) == 0x7f) put(&w, 7, 3);
  else put(&w, last >> 4, 4);
  while (from > first) {
    if (from - first >= 8) {
      uint64_t word = load_reversed(from - 8);
      if (!has_ff(word | 0x8080808080808080u)) {
        put_word(&w, word);
        from -= 8;
        last = *from;
        continue;
      }
    }
    uint8_t byte = *--from;
    if (last > 0x8f && (byte & 0x7f) == 0x7f) put(&w, byte & 0x7f, 7);
    else put(&w, byte, 8);
    last = byte;
  }
  return finish(&w, to, 0, room);
}

/* Runs of quads without significant samples, coded adaptively. Source: 7.1.3, 7.3.3. */
typedef struct {
  const uint8_t *next, *end; /* the last one is `end` - 1, with its lower half all ones; behind it are ones */
  uint32_t byte;
  int32_t left; /* bits of it */
  int32_t state;
  int32_t run;  /* quads without, before the next one with or the next run */
  int32_t ends; /* whether the run ends with a quad that has some */
} Runs;

INLINE uint32_t next_run_bit(Runs *r) {
  if (r->left == 0) {
    r->left = r->byte == 0xff ? 7 : 8;
    r->byte = 0xff;
    if (r->next < r->end) {
      r->byte = *r->next++;
      if (r->next == r->end) r->byte |= 0x0f;
    }
  }
  r->left -= 1;
  return r->byte >> r->left & 1;
}

static int next_event(Runs *r) {
  /* Source: Table 2. */
  static const uint8_t EXPONENTS[] = {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5};
  if (r->run == 0 && !r->ends) {
    int exponent = EXPONENTS[r->state];
    if (next_run_bit(r)) {
      r->run = 1 << exponent;
      r->state += r->state < 12;
    } else {
      while (exponent-- > 0) r->run = 2 * r->run + (int32_t)next_run_bit(r);
      r->state -= r->state > 0;
      r->ends = 1;
    }
  }
  if (r->run > 0) {
    r->run -= 1;
    return 0;
  }
  r->ends = 0;
  return 1;
}

#endif

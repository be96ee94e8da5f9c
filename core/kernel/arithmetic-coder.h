/* The arithmetic decoder of JPEG 2000, for jpeg2000.c. Source: T.800 Annex C. */
#ifndef ARITHMETIC_CODER_H
#define ARITHMETIC_CODER_H

#include "kernel.h"

#define NOINLINE static __attribute__((noinline))

/* Bits of a code below the 16 that are compared. */
#define FRACTION 47
#define HALF ((int64_t)0x8000 << FRACTION)

/* Half of the estimator's states: the more probable symbol may be 0 or 1. */
#define STATES 47

/* A state of the probability estimator, and where it leads. */
typedef struct {
  int64_t qe; /* the less probable symbol's share of the interval */
  int32_t mps;
  uint8_t next[2]; /* behind the more probable symbol, and behind the other one */
  uint8_t unused[2];
} State;

/* Source: T.800 Table C.2. Share, next states behind the more and the less probable symbol, whether they swap. */
static const uint16_t ESTIMATOR[STATES][4] = {
    {0x5601, 1, 1, 1},    {0x3401, 2, 6, 0},    {0x1801, 3, 9, 0},    {0x0ac1, 4, 12, 0},
    {0x0521, 5, 29, 0},   {0x0221, 38, 33, 0},  {0x5601, 7, 6, 1},    {0x5401, 8, 14, 0},
    {0x4801, 9, 14, 0},   {0x3801, 10, 14, 0},  {0x3001, 11, 17, 0},  {0x2401, 12, 18, 0},
    {0x1c01, 13, 20, 0},  {0x1601, 29, 21, 0},  {0x5601, 15, 14, 1},  {0x5401, 16, 14, 0},
    {0x5101, 17, 15, 0},  {0x4801, 18, 16, 0},  {0x3801, 19, 17, 0},  {0x3401, 20, 18, 0},
    {0x3001, 21, 19, 0},  {0x2801, 22, 19, 0},  {0x2401, 23, 20, 0},  {0x2201, 24, 21, 0},
    {0x1c01, 25, 22, 0},  {0x1801, 26, 23, 0},  {0x1601, 27, 24, 0},  {0x1401, 28, 25, 0},
    {0x1201, 29, 26, 0},  {0x1101, 30, 27, 0},  {0x0ac1, 31, 28, 0},  {0x09c1, 32, 29, 0},
    {0x08a1, 33, 30, 0},  {0x0521, 34, 31, 0},  {0x0441, 35, 32, 0},  {0x02a1, 36, 33, 0},
    {0x0221, 37, 34, 0},  {0x0141, 38, 35, 0},  {0x0111, 39, 36, 0},  {0x0085, 40, 37, 0},
    {0x0049, 41, 38, 0},  {0x0025, 42, 39, 0},  {0x0015, 43, 40, 0},  {0x0009, 44, 41, 0},
    {0x0005, 45, 42, 0},  {0x0001, 45, 43, 0},  {0x5601, 46, 46, 0}};

static State states[2 * STATES];

static void fill_states(void) {
  for (int at = 0; at < STATES; at += 1) {
    const uint16_t *row = ESTIMATOR[at];
    for (int mps = 0; mps < 2; mps += 1) {
      int other = row[3] ? 1 - mps : mps;
      states[2 * at + mps] =
          (State){(int64_t)row[0] << FRACTION, mps, {2 * row[1] + mps, 2 * row[2] + other}, {0, 0}};
    }
  }
}

/*
 * The decoder. The more probable symbol takes the upper part of the interval: with it, code and interval both lose qe,
 * and nothing else happens as long as the code stays at or above 0 and the interval at or above one half. So only the
 * smaller of the two distances is counted down, and the other one follows from their difference.
 */
typedef struct {
  int64_t least;      /* of code and interval - HALF, smaller one */
  int64_t difference; /* code - (interval - HALF) */
  const uint8_t *next, *end;
  int32_t ahead; /* bits of the code's fraction that have been read */
} Coder;

static Coder coder;

/*
 * The code without the bits that are stuffed behind FF: a byte there has seven bits, and an eighth that is added to
 * what stands before it. Behind the end, and a marker, there are only ones. Returns where those begin. Source: T.800
 * C.3.4.
 */
static const uint8_t *unstuff(const uint8_t *from, int32_t length, uint8_t *to) {
  const uint8_t *end = from + length;
  uint8_t *first = to;
  uint32_t kept = 0;
  int pending = 0; /* bits of `kept` that do not fill a byte yet */
  uint8_t last = 0;
  while (from < end) {
    uint8_t byte = *from++;
    if (last == 0xff) {
      if (byte > 0x8f) break;
      kept = (kept << 7) + byte;
      pending += 7;
      if (kept >> pending) {
        kept &= (1u << pending) - 1;
        for (uint8_t *at = to; at > first && ++*--at == 0;) continue;
      }
    } else {
      kept = kept << 8 | byte;
      pending += 8;
    }
    last = byte;
    if (pending >= 8) {
      pending -= 8;
      *to++ = (uint8_t)(kept >> pending);
      kept &= (1u << pending) - 1;
    }
  }
  *to++ = (uint8_t)(kept << (8 - pending) | 0xff >> pending);
  __builtin_memset(to, 0xff, 16);
  return to;
}

static inline uint64_t load_bits(const uint8_t *at) {
  uint64_t bits;
  __builtin_memcpy(&bits, at, 8);
  return __builtin_bswap64(bits);
}

/* The first 15 bits are the whole part of the code; seven bytes are read. Source: T.800 C.3.5. */
static void begin_code(const uint8_t *clean, const uint8_t *end) {
  int64_t code = (int64_t)(load_bits(clean) >> 8 << 6);
  coder.least = 0;
  coder.difference = code;
  coder.next = clean + 7;
  coder.end = end;
  coder.ahead = FRACTION - 6;
}

/*
 * The next symbol in a context. Which symbol it is cannot be predicted: only what follows from the interval's size is
 * a branch. Source: T.800 C.3.2, C.3.3.
 */
INLINE int decode(Coder *c, State *context) {
  int64_t qe = context->qe;
  c->least -= qe;
  if (c->least >= 0) return context->mps;
  int64_t interval = c->least - (c->difference & c->difference >> 63);
  int64_t code = interval + c->difference;
  int64_t size = interval + HALF;
  int64_t lower = code >> 63; /* all ones: the code lies in the lower part */
  /* The smaller part goes to the less probable symbol, wherever it lies. */
  int other = (size < qe) ^ (lower & 1);
  code += qe & lower;
  size ^= (size ^ qe) & lower;
  int symbol = context->mps ^ other;
  wasm_v128_store(context, wasm_v128_load(&states[context->next[other]]));
  int shift = __builtin_clzll(size) - 1;
  size <<= shift;
  code <<= shift;
  c->ahead -= shift;
  if (c->ahead < 16) {
    uint64_t more = 0xffffffff;
    if (c->next < c->end) {
      more = load_bits(c->next) >> 32;
      c->next += 4;
    }
    code |= more << (15 - c->ahead);
    c->ahead += 32;
  }
  interval = size - HALF;
  c->difference = code - interval;
  c->least = interval + (c->difference & c->difference >> 63);
  return symbol;
}

#endif

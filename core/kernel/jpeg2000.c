/*
 * Code-blocks of JPEG 2000: bit planes in three passes, coded arithmetically. See adapters/dicom/decoders/
 * jpeg2000-packets.ts, which finds them. Source: T.800 Annexes C and D.
 *
 * A stripe is four rows of a code-block; a column of a stripe is one word, with the rows above and below it, so that
 * three words hold every neighbour of four samples.
 */
#include "kernel.h"

#define MAX_SAMPLES 4096 /* of a code-block, its last stripe filled up */
#define MAX_COLUMNS 3078 /* 1024 of one stripe, an empty one above and below, an empty column on either side */

/* Bits of a column for rows -1 to 4 of its stripe, three apart. */
#define SIGNIFICANT 0x9249u
/* Those of rows 0 to 3, and behind each of them whether this plane's first pass has seen it, and whether it was refined. */
#define OWN 0x1248u
#define SEEN (OWN << 1)
#define REFINED 2
#define ROW_BELOW 0x8000u

/* Of the nine bits around a sample, three a row: itself, and the four that share a side with it. */
#define SELF 0x10u
#define SIDES 0xaau

/* Contexts. Source: T.800 Table D.7. */
#define SIGN_CONTEXTS 9
#define REFINE_CONTEXTS 14
#define RUN_CONTEXT 17
#define UNIFORM_CONTEXT 18
#define CONTEXTS 19

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
static State contexts[CONTEXTS];
/* Context of significance by the nine bits around a sample, for LL and LH, HL, HH. */
static uint8_t significance[3][512];
/* Context of a sign by which of the four neighbours at its sides are significant, and negative; 0x80: the other way round. */
static uint8_t signContext[256];

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

static uint32_t columns[MAX_COLUMNS];
static uint32_t signs[MAX_COLUMNS];
/* Sizes in half units, columns of four rows. */
static int32_t sizes[MAX_SAMPLES];

static int context_of_significance(int band, int around) {
  int h = (around >> 3 & 1) + (around >> 5 & 1);
  int v = (around >> 1 & 1) + (around >> 7 & 1);
  int d = (around & 1) + (around >> 2 & 1) + (around >> 6 & 1) + (around >> 8 & 1);
  if (band == 2) { /* source: T.800 Table D.1 */
    int sides = h + v;
    if (d >= 3) return 8;
    if (d == 2) return sides > 0 ? 7 : 6;
    if (d == 1) return sides >= 2 ? 5 : 3 + sides;
    return sides >= 2 ? 2 : sides;
  }
  if (band == 1) {
    int swap = h;
    h = v;
    v = swap;
  }
  if (h == 2) return 8;
  if (h == 1) return v > 0 ? 7 : d > 0 ? 6 : 5;
  if (v > 0) return 2 + v;
  return d >= 2 ? 2 : d;
}

/* Bits 0, 2, 4, 6: above, left, right, below is negative; the bits above them: is significant. */
static int context_of_sign(int around) {
  static const uint8_t OF[3][3] = {{13 | 0x80, 12 | 0x80, 11 | 0x80}, {10 | 0x80, 9, 10}, {11, 12, 13}};
  int sum[2] = {0, 0}; /* vertical, horizontal */
  for (int side = 0; side < 4; side += 1) {
    int bits = around >> 2 * side;
    if (bits & 2) sum[side == 1 || side == 2] += bits & 1 ? -1 : 1;
  }
  for (int at = 0; at < 2; at += 1) sum[at] = (sum[at] > 0) - (sum[at] < 0);
  return OF[1 + sum[1]][1 + sum[0]];
}

static void fill_tables(void) {
  if (states[0].qe != 0) return;
  for (int at = 0; at < STATES; at += 1) {
    const uint16_t *row = ESTIMATOR[at];
    for (int mps = 0; mps < 2; mps += 1) {
      int other = row[3] ? 1 - mps : mps;
      states[2 * at + mps] =
          (State){(int64_t)row[0] << FRACTION, mps, {2 * row[1] + mps, 2 * row[2] + other}, {0, 0}};
    }
  }
  for (int band = 0; band < 3; band += 1) {
    for (int at = 0; at < 512; at += 1) significance[band][at] = context_of_significance(band, at);
  }
  for (int at = 0; at < 256; at += 1) signContext[at] = context_of_sign(at);
}

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

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))

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

/* Where a stripe stands. */
typedef struct {
  uint32_t *column; /* first one; an empty one stands before it, and one behind the last */
  uint32_t *sign;
  int32_t *size;
  int32_t width;
  int32_t pitch; /* words from one stripe to the next */
  int32_t rows;  /* 4, fewer in the last stripe */
} Stripe;

/* The three columns around a sample's, three bits a row. */
INLINE uint32_t around(uint32_t left, uint32_t own, uint32_t right) {
  return (left & SIGNIFICANT) | (own & SIGNIFICANT) << 1 | (right & SIGNIFICANT) << 2;
}

/* A sample has become significant: its sign, its size, and what its neighbours see of it. */
INLINE void become_significant(Coder *c, const Stripe *stripe, int at, int bit, uint32_t near, int32_t size) {
  uint32_t *sign = stripe->sign + at, *column = stripe->column + at;
  uint32_t negative = around(sign[-1], sign[0], sign[1]) >> bit;
  uint8_t context = signContext[(near >> bit & SIDES) | (negative & SIDES) >> 1];
  uint32_t flag = (uint32_t)(decode(c, contexts + (context & 0x7f)) ^ context >> 7) << 3 << bit;
  uint32_t row = 8u << bit;
  int pitch = stripe->pitch;
  sign[0] |= flag;
  /* The first row is one below the stripe above, the last one is one above the stripe below. */
  sign[-pitch] |= flag << 12 & ROW_BELOW;
  column[-pitch] |= row << 12 & ROW_BELOW;
  sign[pitch] |= flag >> 12;
  column[pitch] |= row >> 12;
  stripe->size[4 * at + (bit * 11 >> 5)] = size;
}

/* First pass: samples that have significant neighbours. Source: T.800 D.3.1. */
NOINLINE void propagate(const Stripe *stripe, const uint8_t *table, int32_t size) {
  Coder c = coder;
  uint32_t *column = stripe->column;
  uint32_t left = column[-1], own = column[0];
  uint32_t rows = OWN >> 3 & ((1u << 3 * stripe->rows) - 1);
  for (int at = 0; at < stripe->width; at += 1) {
    uint32_t right = column[at + 1];
    uint32_t near = around(left, own, right);
    if (near != 0) {
      uint32_t open = rows & ~(own >> 3);
      while (open != 0) {
        int bit = __builtin_ctz(open);
        open &= open - 1;
        uint32_t here = near >> bit & 0x1ff;
        if (here == 0) continue;
        own |= 16u << bit;
        if (decode(&c, contexts + table[here])) {
          become_significant(&c, stripe, at, bit, near, size);
          own |= 8u << bit;
          near |= SELF << bit;
        }
      }
      column[at] = own;
    }
    left = own;
    own = right;
  }
  coder = c;
}

/* Second pass: one more bit of the samples that were significant before this plane. Source: T.800 D.3.3. */
NOINLINE void refine(const Stripe *stripe, int32_t half) {
  Coder c = coder;
  uint32_t *column = stripe->column;
  uint32_t left = column[-1], own = column[0];
  for (int at = 0; at < stripe->width; at += 1) {
    uint32_t right = column[at + 1];
    uint32_t open = own & ~(own >> 1) & OWN;
    if (open != 0) {
      uint32_t near = around(left, own, right);
      int32_t *size = stripe->size + 4 * at;
      column[at] = own | open << REFINED;
      open >>= 3;
      do {
        int bit = __builtin_ctz(open);
        open &= open - 1;
        int context = (near >> bit & 0x1ef) != 0;
        context |= own >> bit >> (2 + REFINED) & 2;
        context = context > 2 ? 2 : context;
        size[bit * 11 >> 5] += (2 * decode(&c, contexts + REFINE_CONTEXTS + context) - 1) * half;
      } while (open != 0);
    }
    left = own;
    own = right;
  }
  coder = c;
}

/* Third pass: all others, where four in a column may be skipped at once. Source: T.800 D.3.4. */
NOINLINE void clean_up(const Stripe *stripe, const uint8_t *table, int32_t size) {
  Coder c = coder;
  uint32_t *column = stripe->column;
  uint32_t left = column[-1], own = column[0];
  uint32_t rows = OWN >> 3 & ((1u << 3 * stripe->rows) - 1);
  for (int at = 0; at < stripe->width; at += 1) {
    uint32_t right = column[at + 1];
    uint32_t near = around(left, own, right);
    uint32_t open = rows & ~(own >> 3 | own >> 4);
    int found = 0;
    if (near == 0 && stripe->rows == 4) {
      open = 0;
      if (decode(&c, contexts + RUN_CONTEXT)) {
        int row = decode(&c, contexts + UNIFORM_CONTEXT) << 1;
        row |= decode(&c, contexts + UNIFORM_CONTEXT);
        open = rows & ~0u << 3 * row;
        found = 1;
      }
    }
    while (open != 0) {
      int bit = __builtin_ctz(open);
      open &= open - 1;
      if (found || decode(&c, contexts + table[near >> bit & 0x1ff])) {
        become_significant(&c, stripe, at, bit, near, size);
        own |= 8u << bit;
        near |= SELF << bit;
        found = 0;
      }
    }
    own &= ~SEEN;
    column[at] = own;
    left = own;
    own = right;
  }
  coder = c;
}

/*
 * Decodes a code-block: `bytes` of code at `from`, room for 32 more than that at `clean`. `band` is 0 for LL and LH, 1
 * for HL, 2 for HH; `planes` is the number of bit planes that may hold ones, of which the lowest `skipped` are left
 * out. Writes rows `pitch` samples apart: integers where `step` is 0, otherwise floats in units of it. What was not
 * decoded of a size counts as half.
 */
EXPORT(jpeg2000_block) void jpeg2000_block(const uint8_t *from, int32_t bytes, uint8_t *clean, int32_t band,
                                           int32_t width, int32_t height, int32_t planes, int32_t passes,
                                           int32_t skipped, float step, void *to, int32_t pitch) {
  fill_tables();
  int stripes = (height + 3) >> 2, words = width + 2;
  __builtin_memset(columns, 0, 4 * words * (stripes + 2));
  __builtin_memset(signs, 0, 4 * words * (stripes + 2));
  __builtin_memset(sizes, 0, 16 * width * stripes);
  for (int at = 0; at < CONTEXTS; at += 1) contexts[at] = states[0];
  contexts[0] = states[2 * 4];
  contexts[RUN_CONTEXT] = states[2 * 3];
  contexts[UNIFORM_CONTEXT] = states[2 * 46];
  begin_code(clean, unstuff(from, bytes, clean));
  const uint8_t *table = significance[band];
  int wanted = 3 * (planes - skipped) - 2;
  if (wanted > passes) wanted = passes;
  for (int pass = 0; pass < wanted; pass += 1) {
    int32_t half = 1 << (planes - 1 - (pass + 2) / 3), size = 3 * half;
    for (int at = 0; at < stripes; at += 1) {
      int first = words * (at + 1) + 1, rows = height - 4 * at;
      Stripe stripe = {columns + first, signs + first, sizes + 4 * width * at, width, words, rows < 4 ? rows : 4};
      if (pass % 3 == 0) clean_up(&stripe, table, size);
      else if (pass % 3 == 1) propagate(&stripe, table, size);
      else refine(&stripe, half);
    }
  }
  for (int y = 0; y < height; y += 1) {
    const uint32_t *sign = signs + words * ((y >> 2) + 1) + 1;
    const int32_t *size = sizes + 4 * width * (y >> 2) + (y & 3);
    int bit = 3 * ((y & 3) + 1);
    int32_t *row = (int32_t *)to + y * pitch;
    float *real = (float *)to + y * pitch;
    float unit = step / 2;
    for (int x = 0; x < width; x += 1) {
      int32_t flip = -(int32_t)(sign[x] >> bit & 1);
      if (step == 0) row[x] = ((size[4 * x] >> 1) ^ flip) - flip;
      else real[x] = (float)((size[4 * x] ^ flip) - flip) * unit;
    }
  }
}

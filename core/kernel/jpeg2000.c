/*
 * Code-blocks of JPEG 2000: bit planes in three passes, coded arithmetically. See adapters/dicom/decoders/
 * jpeg2000-packets.ts, which finds them. Source: T.800 Annexes C and D.
 *
 * A stripe is four rows of a code-block; a column of a stripe is one word, with the rows above and below it, so that
 * three words hold every neighbour of four samples.
 */
#include "arithmetic-coder.h"

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
#define REFINE_CONTEXTS 14
#define RUN_CONTEXT 17
#define UNIFORM_CONTEXT 18
#define CONTEXTS 19

static State contexts[CONTEXTS];
/* Context of significance by the nine bits around a sample, for LL and LH, HL, HH. */
static uint8_t significance[3][512];
/* Context of a sign by which of the four neighbours at its sides are significant, and negative; 0x80: the other way round. */
static uint8_t signContext[256];

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
  fill_states();
  for (int band = 0; band < 3; band += 1) {
    for (int at = 0; at < 512; at += 1) significance[band][at] = context_of_significance(band, at);
  }
  for (int at = 0; at < 256; at += 1) signContext[at] = context_of_sign(at);
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

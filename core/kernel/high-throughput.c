/*
 * Code-blocks of high-throughput JPEG 2000 that have one pass: all bits of a sample at once. They are found by
 * adapters/dicom/decoders/jpeg2000-packets.ts. Source: T.814 clause 7.
 *
 * A quad is two samples in each of two rows; its samples are numbered down the first column, then the second one. Rows
 * of quads are decoded one after the other, each first for what their samples are like, then for the samples.
 */
#include "ht-bits.h"
#include "ht-codes.h"

#define MAX_QUADS 512       /* of a row */
#define MAX_CODE_BYTES 4079 /* of codewords and runs: T.814 7.1.1 */
#define MAX_EXPONENT 31
/* Bytes that a row may take beyond the end: 31 bits a sample, 32 two quads' codewords; and what is read at once. */
#define SIZE_BYTES(quads) (16 * (quads) + 64)
#define CODE_BYTES(quads) (2 * (quads) + 64)

/* Codewords of a row's quads, one before them and some behind them without samples. */
static uint16_t quads[2][MAX_QUADS + 8];
/* Largest exponents of a row's quads, at first as what is added to what stands above them. */
static int32_t exponents[MAX_QUADS + 4];
/* Sizes less one, doubled, of the lower samples in a row's quads: of the first columns, and of the second ones. */
static uint32_t lower[2][MAX_QUADS + 8];

static uint8_t codewords[MAX_CODE_BYTES + CODE_BYTES(MAX_QUADS)];
/* By four bits: words that are all ones or zeros, and how many bits are set in the lowest one, two, three and four. */
static v128_t masks[16];
static uint32_t counts[16];
/* By an exponent: the highest bit of sizes that it allows for, in all words. */
static v128_t highest[MAX_EXPONENT + 1];

static void fill_tables(void) {
  if (counts[1] != 0) return;
  for (int at = 0; at < 16; at += 1) {
    masks[at] = wasm_i32x4_make(-(at & 1), -(at >> 1 & 1), -(at >> 2 & 1), -(at >> 3));
    for (int n = 0; n < 4; n += 1) counts[at] += (uint32_t)__builtin_popcount(at & ((2 << n) - 1)) << 8 * n;
  }
  for (int at = 1; at <= MAX_EXPONENT; at += 1) highest[at] = wasm_i32x4_splat(1 << (at - 1));
  fill_codes();
  fill_offsets();
}

/* What the quads of a row are like. Returns where the codewords of the next row begin. */
INLINE int32_t read_quads(Runs *runs, int32_t begin, int32_t count, int first, const uint16_t *before, uint16_t *row) {
  const uint32_t *code = codes[!first], *table = offsets[!first];
  const uint8_t *next = codewords + (begin >> 3);
  /* So many bits have been read; at least 32 are when a pair begins. */
  int ahead = 56 - (begin & 7);
  uint64_t bits = load64(next) << 8 >> 8 >> (begin & 7);
  next += 7;
  uint32_t left = 0;
  for (int q = 0; q < count; q += 2) {
    uint32_t pair[2];
    bits |= load64(next) << ahead;
    next += (63 - ahead) >> 3;
    ahead |= 56;
    for (int at = 0; at < 2; at += 1) {
      const uint16_t *over = before + q + at;
      uint32_t context = NEXT_CONTEXT(left);
      if (!first) context |= (over[-1] & 0x80) | (over[0] & 0xa0) << 2 | (over[1] & 0x20) << 4;
      left = 0;
      if (q + at < count && (context != 0 || next_event(runs))) {
        left = code[context | (bits & 0x7f)];
        bits >>= LENGTH(left);
        ahead -= LENGTH(left);
      }
      row[q + at] = pair[at] = left;
    }
    int kind = HAS_OFFSET(pair[0]) | HAS_OFFSET(pair[1]) << 1;
    if (first && kind == 3 && next_event(runs)) kind = LARGER;
    uint32_t two = table[kind << OFFSET_BITS | (bits & ((1 << OFFSET_BITS) - 1))];
    uint32_t suffixes = bits >> PREFIXES(two);
    bits >>= ALL(two);
    ahead -= ALL(two);
    exponents[q] = OFFSET(two, 0) + (suffixes & ~(~0u << SUFFIX(two, 0)));
    exponents[q + 1] = OFFSET(two, 1) + (suffixes >> SUFFIX(two, 0) & ~(~0u << SUFFIX(two, 1)));
  }
  int32_t end = (count + 1) & ~1;
  exponents[end] = exponents[end + 1] = 0;
  return 8 * (int32_t)(next - codewords) - ahead;
}

/*
 * Adds what the sizes above let expect; 1 where only one sample is significant. Returns whether all are within the
 * limit. Source: T.814 7.3.7.
 */
INLINE int find_exponents(const uint16_t *row, int32_t count, int first, int32_t limit) {
  v128_t one = wasm_i32x4_splat(1), most = one;
  for (int q = 0; q < count; q += 4) {
    v128_t added = one;
    if (!first) {
      v128_t sizes = wasm_v128_or(wasm_v128_load(lower[1] + 3 + q), wasm_v128_load(lower[0] + 4 + q));
      sizes = wasm_v128_or(sizes, wasm_v128_or(wasm_v128_load(lower[1] + 4 + q), wasm_v128_load(lower[0] + 5 + q)));
      sizes = wasm_v128_or(sizes, wasm_i32x4_splat(2));
      /* The highest bit's place, from that of a float; without what might round it up. */
      sizes = wasm_v128_andnot(sizes, wasm_u32x4_shr(sizes, 1));
      v128_t places = wasm_i32x4_sub(wasm_u32x4_shr(wasm_f32x4_convert_i32x4(sizes), 23), wasm_i32x4_splat(127));
      v128_t rho = wasm_v128_and(wasm_u32x4_load16x4(row + q), wasm_i32x4_splat(0xf0));
      v128_t several = wasm_v128_and(rho, wasm_i32x4_sub(rho, wasm_i32x4_splat(0x10)));
      added = wasm_v128_bitselect(one, places, wasm_i32x4_eq(several, wasm_i32x4_splat(0)));
    }
    added = wasm_i32x4_add(added, wasm_v128_load(exponents + q));
    wasm_v128_store(exponents + q, added);
    most = wasm_i32x4_max(most, added);
  }
  return !wasm_v128_any_true(wasm_i32x4_gt(most, wasm_i32x4_splat(limit)));
}

/* Sizes of a quad's samples less one, doubled, with the sign in the lowest bit; 0 where they are not significant. */
INLINE v128_t read_samples(const uint8_t *sizes, int32_t *bit, uint32_t quad, int32_t exponent) {
  uint32_t shifts = (uint32_t)exponent * counts[RHO(quad)] - counts[KNOWN(quad)];
  int32_t at = *bit;
  *bit += shifts >> 24;
  uint64_t bits = bits_at(sizes, at);
  v128_t four;
  if (shifts >> 24 <= 57) {
    four = wasm_i32x4_make(bits, bits >> (shifts & 63), bits >> (shifts >> 8 & 63), bits >> (shifts >> 16 & 63));
  } else {
    four = wasm_i32x4_make(bits, bits_at(sizes, at + (shifts & 0xff)), bits_at(sizes, at + (shifts >> 8 & 0xff)),
                           bits_at(sizes, at + (shifts >> 16 & 0xff)));
  }
  /* Where an exponent is known to be the largest one, or not to be, the highest bit is not among the sample's. */
  v128_t high = highest[exponent], below = wasm_i32x4_sub(high, wasm_i32x4_splat(1));
  v128_t own = wasm_v128_or(below, wasm_v128_andnot(high, masks[KNOWN(quad)]));
  v128_t known = wasm_v128_and(high, masks[ONES(quad)]);
  return wasm_v128_or(wasm_v128_and(four, wasm_v128_and(own, masks[RHO(quad)])), known);
}

/* Where samples go, and what they stand for. */
typedef struct {
  int32_t *to;
  int32_t pitch;
  int32_t below; /* bit planes that were not decoded */
  float step;    /* 0 for integers */
} Target;

/* Source: T.814 7.3.8; what was not decoded of a size counts as half. */
INLINE v128_t value_of(v128_t samples, uint32_t quad, const Target *target, int whole) {
  v128_t mask = masks[RHO(quad)];
  v128_t sign = wasm_i32x4_shr(wasm_i32x4_shl(samples, 31), 31);
  v128_t size = wasm_i32x4_sub(wasm_u32x4_shr(samples, 1), mask);
  if (!whole) {
    v128_t halves = wasm_i32x4_shl(wasm_i32x4_sub(wasm_i32x4_add(size, size), mask), target->below);
    size = target->step == 0 ? wasm_i32x4_shr(halves, 1) : halves;
  }
  v128_t value = wasm_i32x4_sub(wasm_v128_xor(size, sign), sign);
  if (whole || target->step == 0) return value;
  return wasm_f32x4_mul(wasm_f32x4_convert_i32x4(value), wasm_f32x4_splat(target->step / 2));
}

INLINE int decode_rows(const uint8_t *sizes, int32_t sizeEnd, int32_t codeEnd, Runs runs, int32_t width, int32_t height,
                       int32_t limit, const Target *target, int whole) {
  int32_t count = (width + 1) >> 1, bit = 0, codeBit = 0;
  uint16_t *row = quads[0] + 1, *before = quads[1] + 1;
  /* Behind the last quad, where others look. */
  for (int at = count; at < count + 4; at += 1) row[at] = before[at] = lower[0][4 + at] = 0;
  for (int y = 0; y < height; y += 2) {
    /* Twice, so that neither kind of row asks for each quad which one it is. */
    if (y == 0) codeBit = read_quads(&runs, codeBit, count, 1, before, row);
    else codeBit = read_quads(&runs, codeBit, count, 0, before, row);
    if (codeBit > codeEnd || !find_exponents(row, count, y == 0, limit)) return 1;
    int32_t *high = target->to + y * target->pitch, *low = y + 1 < height ? high + target->pitch : high;
    for (int q = 0; q < count; q += 2) {
      v128_t a = read_samples(sizes, &bit, row[q], exponents[q]);
      v128_t b = read_samples(sizes, &bit, row[q + 1], exponents[q + 1]);
      v128_t kept = wasm_i32x4_shuffle(a, b, 1, 5, 3, 7);
      wasm_v128_store64_lane(lower[0] + 4 + q, kept, 0);
      wasm_v128_store64_lane(lower[1] + 4 + q, kept, 1);
      a = value_of(a, row[q], target, whole);
      b = value_of(b, row[q + 1], target, whole);
      /* A row below the last one is overwritten by it. */
      wasm_v128_store(low + 2 * q, wasm_i32x4_shuffle(a, b, 1, 3, 5, 7));
      wasm_v128_store(high + 2 * q, wasm_i32x4_shuffle(a, b, 0, 2, 4, 6));
    }
    if (bit > sizeEnd) bit = sizeEnd; /* there are only ones from here on */
    uint16_t *other = before;
    before = row;
    row = other;
  }
  return 0;
}

/*
 * Decodes a code-block of one pass, up to 1024 wide and of 4096 samples, `bytes` of code at `from`; at `clean` is room
 * for as many and 16 KiB. `planes` is the number of bit planes from the highest one that may hold ones to that of the
 * pass, `below` that of those below it: 30 in all at most. Writes rows `pitch` samples apart, filled up to a multiple of
 * four: integers where `step` is 0, otherwise floats in units of it. Returns 0, or 1 for a damaged code-block.
 */
EXPORT(high_throughput_block) int32_t high_throughput_block(const uint8_t *from, int32_t bytes, uint8_t *clean,
                                                            int32_t width, int32_t height, int32_t planes,
                                                            int32_t below, float step, int32_t *to, int32_t pitch) {
  fill_tables();
  if (bytes < 2) return 1;
  int32_t suffix = from[bytes - 1] << 4 | (from[bytes - 2] & 15);
  if (suffix < 2 || suffix > bytes || suffix > MAX_CODE_BYTES) return 1;
  const uint8_t *second = from + bytes - suffix;
  int32_t count = (width + 1) >> 1;
  int32_t sizeEnd = take_forwards(from, bytes - suffix, clean, SIZE_BYTES(count));
  int32_t codeEnd = take_backwards(second, suffix, codewords, CODE_BYTES(count));
  Runs runs = {second, from + bytes - 1, 0, 0, 0, 0, 0};
  Target target = {to, pitch, below, step};
  int whole = step == 0 && below == 0;
  return whole ? decode_rows(clean, sizeEnd, codeEnd, runs, width, height, planes + 1, &target, 1)
               : decode_rows(clean, sizeEnd, codeEnd, runs, width, height, planes + 1, &target, 0);
}

/*
 * JPEG-LS, lossless, one component: see adapters/dicom/decoders/jpeg-ls-scan.ts, which reads the markers. Source:
 * T.87 Annex A.
 *
 * The time of a sample is that from its left neighbour to itself: difference, context, code, error. What does not
 * lie on this path is done ahead (differences of the row above) or behind (a context keeps its Golomb parameter),
 * and what cannot be predicted is arithmetic, not a branch.
 */
#include "kernel.h"

#define CONTEXTS 365
/* More zeros before a one than this, and the code may not lie in one load. */
#define SAFE_ZEROS 38

/* A regular context. One load finds all of it in one cache line. */
typedef struct {
  uint32_t a;  /* sum of the sizes of errors */
  int16_t b;   /* sum of errors */
  int16_t c;   /* correction of the prediction */
  int16_t n;   /* occurrences */
  int8_t k;    /* Golomb parameter that a and n give */
  int8_t flip; /* -1 where errors are mapped the other way round: k = 0 and 2 b <= -n */
  int32_t unused;
} Context;

/* The context of the sample that ends a run, by whether its neighbours are alike. */
typedef struct {
  uint32_t a;
  int32_t n;
  int32_t negative; /* of them, errors below zero */
} RunContext;

typedef struct {
  int32_t first;    /* address of the first byte: the next ones stand below it */
  int32_t endBits;  /* bits of data */
  int32_t position; /* bits taken */
  int32_t width;
  int32_t maxval; /* one less than a power of two */
  int32_t bits;   /* of a sample */
  int32_t reset;
  int32_t start;     /* a of every context in the beginning */
  int32_t quantised; /* int8 by the difference of neighbours: address of that of 0 */
  int32_t lines;     /* two of uint16, with a sample before and one behind each */
  int32_t runIndex;
  int32_t next; /* jpegls_unstuff: bytes up to the marker that ended the data */
} Scan;

static Scan scan;
static Context contexts[CONTEXTS];
static RunContext runContexts[2];

static const uint8_t RUN_BITS[32] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,  2,  3,  3,  3,  3,
                                     4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15};

EXPORT(jpegls_scan) Scan *jpegls_scan(void) { return &scan; }

static inline uint64_t bits_at(const uint8_t *first, uint32_t position) {
  uint64_t bits;
  __builtin_memcpy(&bits, first - (position >> 3) - 7, 8);
  return bits << (position & 7);
}

/* The next `count` bits, 0 to 31. */
static inline uint32_t take_bits(const uint8_t *first, uint32_t *position, int count) {
  uint64_t bits = bits_at(first, *position);
  *position += count;
  return (uint32_t)(bits >> 1 >> (63 - count));
}

/* Smallest k for which n << k is not below a. */
static inline int golomb(uint32_t n, uint32_t a) {
  int k = __builtin_clz(n) - __builtin_clz(a | 1);
  k &= ~(k >> 31);
  return k + ((n << k) < a);
}

/* A code of any length: a number of zeros, a one, k bits; at the limit all bits of the value less one. -1: none. */
static int32_t long_code(const uint8_t *first, uint32_t *position, int k, int limit) {
  int most = limit - scan.bits - 1;
  uint64_t bits = bits_at(first, *position);
  int zeros = __builtin_clzll(bits | 1);
  if (zeros > most) return -1;
  *position += zeros + 1;
  if (zeros == most) return (int32_t)take_bits(first, position, scan.bits) + 1;
  return (zeros << k) + (int32_t)take_bits(first, position, k);
}

EXPORT(jpegls_begin) void jpegls_begin(void) {
  for (int at = 0; at < CONTEXTS; at += 1) {
    contexts[at] = (Context){scan.start, 0, 0, 1, golomb(1, scan.start), 0, 0};
  }
  for (int at = 0; at < 2; at += 1) runContexts[at] = (RunContext){scan.start, 1, 0};
  scan.runIndex = 0;
  scan.position = 0;
  uint16_t *lines = (uint16_t *)scan.lines;
  __builtin_memset(lines, 0, 4 * (scan.width + 2));
}

/*
 * A run of the left neighbour's value and the sample that ends it. Returns the number of samples, -1 for a code that
 * does not exist. Source: T.87 A.7.
 */
static int run(const uint8_t *first, uint32_t *position, const uint16_t *above, uint16_t *to,
               int left) {
  uint16_t value = to[-1];
  int length = 0;
  for (;;) {
    int bits = RUN_BITS[scan.runIndex];
    int now;
    int whole = take_bits(first, position, 1);
    if (whole) {
      now = 1 << bits;
      if (now <= left - length) scan.runIndex += scan.runIndex < 31;
      else now = left - length;
    } else {
      now = take_bits(first, position, bits);
      if (now >= left - length) return -1;
    }
    for (int at = 0; at < now; at += 1) to[length + at] = value;
    length += now;
    if (length == left) return length;
    if (!whole) break;
  }
  int32_t a = value, b = above[length];
  int alike = a == b;
  RunContext *context = &runContexts[alike];
  int k = golomb(context->n, context->a + (alike ? context->n >> 1 : 0));
  int limit = 2 * (scan.bits + (scan.bits < 8 ? 8 : scan.bits)) - RUN_BITS[scan.runIndex] - 1;
  int32_t code = long_code(first, position, k, limit);
  if (code < 0) return -1;
  int32_t mapped = code + alike, odd = mapped & 1;
  int32_t error = (mapped + odd) >> 1;
  if ((k != 0 || 2 * context->negative >= context->n) == odd) error = -error;
  context->negative += error < 0;
  context->a += (code + 1 - alike) >> 1;
  if (context->n == scan.reset) {
    context->a >>= 1;
    context->n >>= 1;
    context->negative >>= 1;
  }
  context->n += 1;
  to[length] = (b + (!alike && a > b ? -error : error)) & scan.maxval;
  if (scan.runIndex > 0) scan.runIndex -= 1;
  return length + 1;
}

/*
 * Both lines have a sample before their first and behind their last. Returns 0 for a code that does not exist and an
 * error larger than any sample.
 */
static int decode_line(const uint16_t *above, uint16_t *to) {
  const uint8_t *first = (const uint8_t *)scan.first;
  const int8_t *quantised = (const int8_t *)scan.quantised;
  uint32_t position = scan.position;
  int width = scan.width, reset = scan.reset;
  int32_t maxval = scan.maxval;
  int limit = 2 * (scan.bits + (scan.bits < 8 ? 8 : scan.bits));
  int safe = limit - scan.bits - 2;
  if (safe > SAFE_ZEROS) safe = SAFE_ZEROS;
  int32_t a = to[-1], b = above[0], c = above[-1];
  int32_t q2 = quantised[b - c];
  uint32_t sizes = 0; /* of errors, or-ed */
  for (int at = 0; at < width;) {
    int32_t d = above[at + 1];
    int32_t q1 = quantised[d - b];
    int32_t q = 81 * q1 + 9 * q2 + quantised[c - a];
    if (q == 0) {
      int length = run(first, &position, above + at, to + at, width - at);
      if (length < 0) return 0;
      at += length;
      a = to[at - 1];
      c = above[at - 1];
      b = above[at];
      q2 = quantised[b - c];
      continue;
    }
    int32_t sign = q >> 31;
    Context *context = &contexts[(q ^ sign) - sign];
    int k = context->k;
    uint64_t bits = bits_at(first, position);
    int zeros = __builtin_clzll(bits | 1);
    int32_t code;
    if (zeros > safe) {
      code = long_code(first, &position, k, limit);
      if (code < 0) return 0;
    } else {
      bits <<= zeros;
      code = (zeros << k) | (int32_t)((bits << 1) >> 1 >> (63 - k));
      position += zeros + 1 + k;
    }
    int32_t error = (code >> 1) ^ -(code & 1) ^ context->flip;

    /* The median of a, b and a + b - c. */
    int32_t difference = a - b, less = difference >> 31;
    int32_t low = b + (difference & less), high = a - (difference & less);
    int32_t predicted = a + b - c;
    if (c >= high) predicted = low;
    else if (c <= low) predicted = high;
    predicted += (context->c ^ sign) - sign;
    if ((uint32_t)predicted > (uint32_t)maxval) predicted = predicted < 0 ? 0 : maxval;
    a = (predicted + ((error ^ sign) - sign)) & maxval;
    to[at] = (uint16_t)a;

    uint32_t size = (error ^ (error >> 31)) - (error >> 31), sum = context->a + size;
    sizes |= size;
    int32_t bias = context->b + error, n = context->n;
    if (n == reset) {
      sum >>= 1;
      bias >>= 1;
      n >>= 1;
    }
    n += 1;
    int32_t below = (bias + n - 1) >> 31; /* bias <= -n */
    int32_t over = -bias >> 31;           /* bias > 0 */
    bias += (n & below) - (n & over);
    int32_t correction = context->c + below - over;
    correction += (correction < -128) - (correction > 127);
    int32_t rest = bias + n - 1; /* not below 1 - n ... */
    bias -= rest & (rest >> 31);
    bias &= bias >> 31; /* ... nor above 0 */
    k = golomb(n, sum);
    context->a = sum;
    context->b = (int16_t)bias;
    context->c = (int16_t)correction;
    context->n = (int16_t)n;
    context->k = (int8_t)k;
    context->flip = (int8_t)(-(k == 0) & -(2 * bias <= -n));

    at += 1;
    c = b;
    b = d;
    q2 = q1;
  }
  scan.position = position;
  return sizes >> scan.bits == 0;
}

/*
 * Decodes rows. Returns 0 for a code that does not exist, and when the data end within a row; the zeros behind them
 * have to be long enough for one.
 */
EXPORT(jpegls_rows) int jpegls_rows(uint16_t *to, int32_t count) {
  int width = scan.width;
  uint16_t *above = (uint16_t *)scan.lines + 1, *line = above + width + 2;
  for (int row = 0; row < count; row += 1, to += width) {
    line[-1] = above[0];
    above[width] = above[width - 1];
    if (!decode_line(above, line)) return 0;
    if ((uint32_t)scan.position > (uint32_t)scan.endBits) return 0;
    __builtin_memcpy(to, line, 2 * width);
    uint16_t *spare = above;
    above = line;
    line = spare;
  }
  if (count & 1) { /* the row above is always in the first of the lines */
    __builtin_memcpy(line - 1, above - 1, 2 * (width + 2));
  }
  return 1;
}

/*
 * Copies entropy-coded data up to a marker, last byte lowest, without the bit stuffed behind FF. Returns the number
 * of bits, -1 where the stream ends without a marker. Source: T.87 A.1, annex C.
 */
EXPORT(jpegls_unstuff) int32_t jpegls_unstuff(const uint8_t *from, int32_t length, uint8_t *first) {
  const uint8_t *at = from, *end = from + length;
  uint8_t *to = first + 1; /* the next byte goes below */
  uint32_t kept = 0;       /* bits that do not fill a byte yet ... */
  int pending = 0;         /* ... and how many */
  while (at < end) {
    if (end - at >= 16) {
      v128_t x = wasm_v128_load(at);
      if (!wasm_v128_any_true(wasm_i8x16_eq(x, wasm_i8x16_splat(-1)))) {
        x = wasm_i8x16_shuffle(x, x, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        uint64_t high = wasm_i64x2_extract_lane(x, 1), low = wasm_i64x2_extract_lane(x, 0);
        uint64_t front = ((uint64_t)kept << 1 << (63 - pending)) | (high >> pending);
        uint64_t back = (high << 1 << (63 - pending)) | (low >> pending);
        kept = (uint32_t)low & ((1u << pending) - 1);
        to -= 16;
        __builtin_memcpy(to + 8, &front, 8);
        __builtin_memcpy(to, &back, 8);
        at += 16;
        continue;
      }
    }
    const uint8_t *stop = end - at > 16 ? at + 16 : end;
    while (at < stop) {
      uint8_t byte = *at;
      if (byte == 0xff) {
        if (at + 1 >= end) return -1;
        if (at[1] >= 0x80) {
          int32_t bits = 8 * (first + 1 - to) + pending;
          *--to = (uint8_t)(kept << (8 - pending));
          scan.next = at - from;
          return bits;
        }
        kept = (kept << 15) | (0x7f80 | at[1]);
        pending += 15;
        at += 2;
      } else {
        kept = (kept << 8) | byte;
        pending += 8;
        at += 1;
      }
      while (pending >= 8) {
        pending -= 8;
        *--to = (uint8_t)(kept >> pending);
      }
      kept &= (1u << pending) - 1;
    }
  }
  return -1;
}

/*
 * JPEG lossless, Huffman coded: see adapters/dicom/decoders/lossless-scan.ts, which reads the markers. Source:
 * T.81 Annex H.
 *
 * The entropy-coded bytes are kept from the last to the first, so that one load of a little endian machine gives
 * the next 57 bits in their order, and code and value bits of a difference come from one look-up.
 */
#include "kernel.h"

/* With 12 bits nearly every difference of a radiograph is found at once, and a table stays in the first cache. */
#define LOOK_UP_BITS 12
#define MAX_COMPONENTS 4
#define NO_CODE (-(1 << 20))

typedef struct {
  int32_t first;   /* address of the first byte: the next ones stand below it */
  int32_t endBits; /* bits of data */
  int32_t position; /* bits taken */
  int32_t width;
  int32_t components; /* of the scan, interleaved */
  int32_t predictor;
  int32_t start; /* prediction of the first sample */
  int32_t firstRow; /* 1 before the first row of a restart interval */
  int32_t above; /* uint16: the row before */
  int32_t used;  /* all samples so far, or-ed */
  int32_t next;  /* lossless_unstuff: bytes up to the marker that ended the data */
  /* int32 by the next 12 bits: difference << 8 | bits taken, 0 where 12 do not do; */
  int32_t whole[MAX_COMPONENTS];
  /* uint16 by the next 16 bits: length of the code << 8 | category, 0 where there is none. */
  int32_t categories[MAX_COMPONENTS];
} Scan;

static Scan scan;

EXPORT(lossless_scan) Scan *lossless_scan(void) { return &scan; }

static inline uint64_t bits_at(const uint8_t *first, uint32_t position) {
  uint64_t bits;
  __builtin_memcpy(&bits, first - (position >> 3) - 7, 8);
  return bits << (position & 7);
}

/* A difference whose code and value take more than 12 bits. Adds the bits it takes; NO_CODE where there is none. */
static int32_t long_difference(uint64_t bits, const uint16_t *categories, uint32_t *position) {
  uint32_t entry = categories[bits >> 48];
  uint32_t length = entry >> 8, category = entry & 255;
  if (entry == 0) return NO_CODE;
  *position += length;
  if (category == 0) return 0;
  if (category == 16) return 32768;
  *position += category;
  int32_t value = (int32_t)((bits << length) >> (64 - category));
  return value < 1 << (category - 1) ? value - (1 << category) + 1 : value;
}

static inline int32_t predict(int predictor, int32_t a, int32_t b, int32_t c) {
  switch (predictor) {
    case 1: return a;
    case 2: return b;
    case 3: return c;
    case 4: return a + b - c;
    case 5: return a + ((b - c) >> 1);
    case 6: return b + ((a - c) >> 1);
    default: return (a + b) >> 1;
  }
}

/* One component predicted from its left neighbour: nearly all radiographs. Four short codes from one load. */
static int row_from_left(uint16_t *to) {
  const uint8_t *first = (const uint8_t *)scan.first;
  const int32_t *whole = (const int32_t *)scan.whole[0];
  const uint16_t *categories = (const uint16_t *)scan.categories[0];
  uint32_t position = scan.position;
  uint32_t left = scan.firstRow ? (uint32_t)scan.start : *(const uint16_t *)scan.above;
  uint32_t used = 0;
  uint16_t *end = to + scan.width;
  while (to < end) {
    uint64_t bits = bits_at(first, position);
    int32_t entry;
#define SHORT_CODE                                \
  entry = whole[bits >> (64 - LOOK_UP_BITS)];     \
  if (entry == 0) goto other;                     \
  left += (uint32_t)(entry >> 8);                 \
  position += entry & 255;                        \
  bits <<= entry & 63;                            \
  used |= left;                                   \
  *to++ = (uint16_t)left;
    if (end - to >= 4) {
      SHORT_CODE SHORT_CODE SHORT_CODE SHORT_CODE
      continue;
    }
    SHORT_CODE
    continue;
  other : {
    int32_t difference = long_difference(bits_at(first, position), categories, &position);
    if (difference == NO_CODE) return 0;
    left += (uint32_t)difference;
    used |= left;
    *to++ = (uint16_t)left;
  }
  }
  scan.position = position;
  scan.used |= used & 0xffff;
  return 1;
}

static int row_of_any_kind(uint16_t *to) {
  const uint8_t *first = (const uint8_t *)scan.first;
  const uint16_t *above = (const uint16_t *)scan.above;
  int stride = scan.components;
  uint32_t position = scan.position;
  for (int at = 0; at < scan.width * stride; at += 1) {
    int component = at % stride;
    int32_t prediction;
    if (at < stride) {
      prediction = scan.firstRow ? scan.start : above[at];
    } else if (scan.firstRow) {
      prediction = to[at - stride];
    } else {
      prediction = predict(scan.predictor, to[at - stride], above[at], above[at - stride]);
    }
    uint64_t bits = bits_at(first, position);
    int32_t entry = ((const int32_t *)scan.whole[component])[bits >> (64 - LOOK_UP_BITS)];
    int32_t difference = entry >> 8;
    if (entry != 0) {
      position += entry & 255;
    } else {
      difference = long_difference(bits, (const uint16_t *)scan.categories[component], &position);
      if (difference == NO_CODE) return 0;
    }
    to[at] = (uint16_t)(prediction + difference);
    scan.used |= to[at];
  }
  scan.position = position;
  return 1;
}

/*
 * Decodes rows. Returns 0 for a code that does not exist, and when the data end within a row; the zeros behind
 * them have to be long enough for one.
 */
EXPORT(lossless_rows) int lossless_rows(uint16_t *to, int32_t count) {
  int plain = scan.components == 1 && scan.predictor == 1;
  for (int row = 0; row < count; row += 1) {
    if (!(plain ? row_from_left(to) : row_of_any_kind(to))) return 0;
    if ((uint32_t)scan.position > (uint32_t)scan.endBits) return 0;
    scan.above = (int32_t)to;
    scan.firstRow = 0;
    to += scan.width * scan.components;
  }
  return 1;
}

/*
 * Copies entropy-coded data up to a marker, last byte lowest, without the zeros stuffed behind FF. Returns the
 * number of bytes, -1 where the stream ends without a marker. Source: T.81 B.1.1.5, F.1.2.3.
 */
EXPORT(lossless_unstuff) int32_t lossless_unstuff(const uint8_t *from, int32_t length, uint8_t *first) {
  const uint8_t *at = from, *end = from + length;
  uint8_t *to = first + 1; /* the next byte goes below */
  while (at < end) {
    if (end - at >= 16) {
      v128_t x = wasm_v128_load(at);
      if (!wasm_v128_any_true(wasm_i8x16_eq(x, wasm_i8x16_splat(-1)))) {
        to -= 16;
        wasm_v128_store(to, wasm_i8x16_shuffle(x, x, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2,
                                               1, 0));
        at += 16;
        continue;
      }
    }
    do {
      uint8_t byte = *at;
      if (byte != 0xff) {
        *--to = byte;
        at += 1;
        continue;
      }
      if (at + 1 >= end) return -1;
      if (at[1] == 0) {
        *--to = 0xff;
        at += 2;
      } else if (at[1] == 0xff) {
        at += 1; /* fill byte before a marker */
      } else {
        scan.next = at - from;
        return first + 1 - to;
      }
    } while (at < end && (at - from) % 16 != 0);
  }
  return -1;
}

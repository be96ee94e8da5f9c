/* What a resampling is to do and how far it is: shared by the parts of resample.c. */
#ifndef RESAMPLE_PLAN_H
#define RESAMPLE_PLAN_H

#include "kernel.h"

enum { TONE_NONE = 0, TONE_CLAMP = 1, TONE_TABLE = 2 };

/* All pointers are addresses of this memory; resample.ts writes it field by field. */
typedef struct {
  int32_t columns;     /* taken of each row, from the address given */
  int32_t stride;      /* bytes from row to row */
  int32_t sampleBytes; /* 1 or 2 */
  int32_t shiftUp;     /* brings the highest stored bit to bit 15 ... */
  int32_t shiftDown;   /* ... and then the lowest to bit 0 */
  int32_t isSigned;
  int32_t bias;   /* subtracted from values that would not fit 16 signed bits */
  int32_t offset; /* subtracted from others too, but by way of the sums */
  int32_t tone;
  int32_t clampLow; /* TONE_CLAMP: values are held between these, ... */
  int32_t clampHigh;
  int32_t centre; /* ... lessened by this, shifted up by so many bits, ... */
  int32_t scaleBits;
  int32_t floor; /* ... and held between these, the exact ends. */
  int32_t ceiling;
  int32_t table; /* TONE_TABLE: int16 by the low 16 bits of the stored value */
  int32_t ring;
  int32_t ringPairs;
  int32_t slotBytes;
  int32_t pairs; /* pairs of rows taken so far */
  int32_t outputs;
  int32_t output; /* output rows finished so far */
  int32_t firstPairs;
  int32_t pairCounts;
  int32_t parts;       /* of a weight */
  int32_t weights;     /* two int16 for each pair of rows, with one part for each of four columns */
  int32_t remainders;  /* with two parts the second, laid out as the first */
  int32_t units;       /* float64: with two parts the unit of each, with one that of each output */
  int32_t weight;      /* where the weights of the next output begin, in pairs */
  int32_t slots;       /* room for as many addresses as the ring has pairs */
  int32_t sums;        /* for each column: float64 with two parts, float32 with one */
  int32_t sumsStride;  /* with one part: columns from the sums of an output to those of the next */
  int32_t columnOutputs;
  int32_t columnStarts;
  int32_t columnTaps;    /* the same for every output, a multiple of 4 */
  int32_t columnWeights; /* of the type of the sums */
  int32_t result;        /* float64 [outputs, columnOutputs], with one part an even number of outputs */
  int32_t min;           /* of all stored values taken, less the bias */
  int32_t max;
} Plan;

static Plan plan;

#endif

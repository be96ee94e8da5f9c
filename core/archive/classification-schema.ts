import { z } from 'zod';

import { parseUid, type DicomUid } from '../dicom/uid.js';
import type { ImageClassification } from '../inference/image-classifier.js';
import { NOT_ANALYSED_REASONS } from '../results/outcome.js';

const uid = z.custom<DicomUid>((value) => typeof value === 'string' && parseUid(value) === value);

const factsShape = {
  gates: z.array(
    z.object({
      gate: z.string(),
      verdict: z.enum(['pass', 'warn', 'refuse']),
      reason: z.enum(NOT_ANALYSED_REASONS).optional(),
      detail: z.string().optional(),
    }),
  ),
  identity: z
    .object({
      SOPClassUID: uid,
      SOPInstanceUID: uid,
      SeriesInstanceUID: uid,
      StudyInstanceUID: uid,
      TransferSyntaxUID: uid,
    })
    .optional(),
};

/**
 * A classification that was kept as JSON, without maps and pictures. Numbers survive JSON exactly. The cast is for
 * optional keys alone, which zod's types allow to be undefined.
 */
export const classificationSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('scored'),
    logits: z.array(z.number()),
    timings: z.object({
      readMs: z.number(),
      decodeMs: z.number(),
      preprocessMs: z.number(),
      inferMs: z.number(),
    }),
    ...factsShape,
  }),
  z.object({
    kind: z.literal('not-analysed'),
    reason: z.enum(NOT_ANALYSED_REASONS),
    detail: z.string(),
    ...factsShape,
  }),
]) as unknown as z.ZodType<ImageClassification>;

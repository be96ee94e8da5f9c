import { z } from 'zod';

import { PRIORITIES } from '../triage/priority.js';
import { findingScoreSchema } from './finding-score.js';
import { instanceOutcomeSchema, modelProvenanceSchema } from './outcome.js';

export const DISCLAIMER =
  'AI pre-read for research and evaluation, not reviewed by a radiologist, not a diagnosis. ' +
  'A finding that is not flagged is not excluded.';

const time = z.iso.datetime().describe('UTC, ISO 8601.');

export const instanceResultSchema = z
  .object({
    SOPInstanceUID: z.string(),
    SeriesInstanceUID: z.string(),
    SOPClassUID: z.string(),
    outcome: instanceOutcomeSchema,
    timestamps: z.object({
      received: time.describe('Last byte stored.'),
      queued: time.optional(),
      inferStart: time.optional(),
      inferEnd: time.optional(),
    }),
  })
  .meta({ id: 'InstanceResult' });

/**
 * The result of a study: the one schema from which the API, the webhook body and every other output is
 * built. Versions count from 1; version n+1 amends n and carries all the instances again.
 */
export const studyResultSchema = z
  .object({
    schemaVersion: z.literal(1),
    StudyInstanceUID: z.string(),
    resultVersion: z.int().positive(),
    amends: z.int().positive().optional().describe('The version that this one replaces.'),
    revision: z
      .object({
        cause: z.enum(['new-images', 'reprocessing']),
        reason: z.string().optional().describe('Given by whoever asked for it.'),
        requestedBy: z.string().optional(),
        requestedAt: time.optional(),
      })
      .optional()
      .describe('Why there is another version. Absent in the first.'),
    status: z.literal('preliminary').describe('Always: no person has seen it.'),
    triage: z.object({
      requestedPriority: z
        .enum(PRIORITIES)
        .describe(
          "The priority that the study came with: the more urgent of its order's and a site rule's.",
        ),
      priority: z.enum(PRIORITIES).describe('Never lower than the requested one.'),
      flagged: z.boolean(),
      flaggedFindings: z.array(z.string()),
    }),
    analysed: z.boolean().describe('Whether at least one image was scored.'),
    findings: z
      .array(
        findingScoreSchema.extend({
          SOPInstanceUID: z.string().describe('The image with the largest probability.'),
        }),
      )
      .describe('Largest probability over the analysed images. Empty when none was analysed.'),
    instances: z.array(instanceResultSchema),
    models: z.array(modelProvenanceSchema).describe('More than one while a new version rolls out.'),
    software: z.object({ name: z.string(), version: z.string() }),
    assembledAt: time,
    disclaimer: z.string(),
  })
  .meta({ id: 'StudyResult' });

export type InstanceResult = z.infer<typeof instanceResultSchema>;
export type StudyResult = z.infer<typeof studyResultSchema>;

import { z } from 'zod';

import { PRIORITIES } from '../triage/priority.js';

const unit = z.number().min(0).max(1);

export const codeSchema = z.object({
  system: z.string(),
  code: z.string(),
  display: z.string(),
});

/** What the model says of one finding in one image, or (largest of the images) in a study. */
export const findingScoreSchema = z
  .object({
    key: z.string(),
    display: z.object({ en: z.string(), vi: z.string() }),
    codes: z.array(codeSchema),
    probability: unit.describe('Raw output of the model after the sigmoid. Not calibrated.'),
    operatingPointScore: unit.describe(
      '0.5 is the operating point; 0 and 1 are the ends. Not a probability.',
    ),
    calibratedProbability: unit.optional().describe('Present when the model has a calibration.'),
    threshold: unit.describe('The probability from which the finding is flagged.'),
    flagged: z.boolean(),
    priority: z.enum(PRIORITIES).describe('The priority that the study gets when this is flagged.'),
  })
  .meta({ id: 'FindingScore' });

export type FindingScore = z.infer<typeof findingScoreSchema>;

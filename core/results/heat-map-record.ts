import { z } from 'zod';

/** A flagged finding's class-activation map as it is kept with an outcome: a few dozen bytes. */
export const heatMapRecordSchema = z.object({
  finding: z.string(),
  width: z.int().positive().describe('Cells in a row.'),
  height: z.int().positive(),
  cells: z
    .base64()
    .describe('A byte a cell, row-major: its share of the largest contribution, 0 to 255.'),
  max: z.number().describe('The largest contribution of a cell, in logits.'),
  crop: z
    .object({ left: z.number(), top: z.number(), width: z.number(), height: z.number() })
    .describe('What the network saw, in shares of the image.'),
});

export type HeatMapRecord = z.infer<typeof heatMapRecordSchema>;

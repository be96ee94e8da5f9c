import { z } from 'zod';

import { PRECISIONS } from '../inference/model-manifest.js';
import { findingScoreSchema } from './finding-score.js';
import { heatMapRecordSchema } from './heat-map-record.js';

/**
 * Why an image was not analysed: each instance ends either scored or with exactly one of these.
 * The sentences are shown to people; codes are for programs and are never reused.
 */
export const NOT_ANALYSED = {
  'sop-class-not-analysed': 'This kind of object is stored and not analysed.',
  'for-processing': 'The image is raw detector data (for processing), not an image for reading.',
  'not-chest': 'The image is not of the chest.',
  'not-frontal': 'The view is not frontal (PA or AP).',
  'view-unknown': 'The view is not stated and the site does not analyse unknown views.',
  paediatric: 'The patient is younger than the model was validated for.',
  'site-rule': 'A rule of the site refuses the image.',
  'multi-frame': 'The object has more than one frame.',
  colour: 'The image is in colour.',
  'image-too-small': 'The image is too small to be read.',
  'image-blank': 'The image has one grey level only: blank or saturated.',
  'image-too-large': 'The image exceeds the configured size.',
  'transfer-syntax-unsupported': 'The compression of the image is not supported.',
  'pixel-format-unsupported': 'The pixel format of the image is not supported.',
  'pixel-data-missing': 'The object has no pixel data.',
  'pixel-data-corrupt': 'The pixel data is damaged.',
  'not-dicom': 'The file is neither DICOM nor an image that can be read.',
  'file-unreadable': 'The file could not be read.',
  'processing-failed': 'Processing failed repeatedly; the image waits for an operator.',
} as const;

export type NotAnalysedReason = keyof typeof NOT_ANALYSED;

export const NOT_ANALYSED_REASONS = Object.keys(NOT_ANALYSED) as [
  NotAnalysedReason,
  ...NotAnalysedReason[],
];

/** What produced a score. Results of different models are never mixed without saying so. */
export const modelProvenanceSchema = z
  .object({
    name: z.string(),
    version: z.string(),
    sha256: z.string().describe('Of the file that really ran.'),
    precision: z.enum(PRECISIONS).default('fp32').describe('Number format of that file.'),
    recipe: z.string().describe('Preprocessing recipe, name and version.'),
    operatingPoint: z.string(),
    overlay: z
      .object({ name: z.string(), version: z.string(), sha256: z.string() })
      .optional()
      .describe("The site's overlay, which set the operating points and the calibration."),
    executionProvider: z.string().describe('The onnxruntime provider that really ran.'),
  })
  .meta({ id: 'ModelProvenance' });

export type ModelProvenance = z.infer<typeof modelProvenanceSchema>;

const warningSchema = z.object({ gate: z.string(), detail: z.string() });

const site = z
  .string()
  .optional()
  .describe('Where the image comes from, when a rule of the site says so (action site).');

/** The one outcome that every instance ends in; stored with the instance. */
export const instanceOutcomeSchema = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('scored'),
      findings: z.array(findingScoreSchema).describe('Withheld findings are not among them.'),
      model: modelProvenanceSchema,
      warnings: z.array(warningSchema),
      site,
      heatMaps: z
        .array(heatMapRecordSchema)
        .optional()
        .describe('Of the flagged findings, where the site keeps them (PREREAD_HEAT_MAPS).'),
    }),
    z.object({
      kind: z.literal('not-analysed'),
      reason: z.enum(NOT_ANALYSED_REASONS),
      detail: z.string(),
      warnings: z.array(warningSchema),
      site,
    }),
  ])
  .meta({ id: 'InstanceOutcome' });

export type InstanceOutcome = z.infer<typeof instanceOutcomeSchema>;

import { z } from 'zod';

import { PRIORITIES } from '../triage/priority.js';
import { calibrationSchema } from './calibration.js';

const probability = z.number().gt(0).lt(1);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hexadecimal digits');

/** Number formats of weights. A manifest's `file` is always fp32; the others are variants of it. */
export const PRECISIONS = ['fp32', 'int8'] as const;
export type Precision = (typeof PRECISIONS)[number];

const modelPath = z
  .string()
  .regex(/^(?!\/)(?!.*\.\.)[\w./-]+$/, 'expected a path below the manifest');

const fileSchema = z.strictObject({
  path: modelPath.describe('Relative to the folder of the manifest.'),
  sha256,
  sizeBytes: z.int().positive(),
});

const variantSchema = z
  .strictObject({
    precision: z.enum(PRECISIONS).exclude(['fp32']),
    file: fileSchema,
    selfTest: modelPath
      .optional()
      .describe('Self-test of this form: self-test.json holds the logits of the fp32 form.'),
    aurocDifference: z
      .strictObject({
        largest: z.number().min(0).max(1).describe('Over the findings that are not withheld.'),
        mean: z.number().min(0).max(1).describe('Over the same findings.'),
        images: z.int().positive().describe('Labelled images it was measured on.'),
        data: z.string().min(1).describe('What the images are.'),
      })
      .optional()
      .describe(
        'Absolute difference of AUROC from the fp32 form. Without it the form is used only on demand.',
      ),
  })
  .describe('The same network in another number format; thresholds and calibration hold for it.');

const codeSchema = z
  .strictObject({
    system: z.enum(['SCT', 'DCM', 'RADLEX', 'UMLS', '99PREREAD']),
    code: z.string().min(1).max(64),
    display: z.string().min(1).max(64),
  })
  .describe('A coded concept; system is the DICOM coding scheme designator.');

/** How a finding is named in every output, whatever model gives it. */
export const findingTermsSchema = z.strictObject({
  display: z.strictObject({ en: z.string().min(1), vi: z.string().min(1) }),
  codes: z.array(codeSchema).min(1).describe('Equivalent codes, the preferred one first.'),
  site: codeSchema.optional().describe('Anatomical site, where the finding code does not say it.'),
  priority: z.enum(PRIORITIES).describe('The priority that a study gets when it is flagged.'),
});

const findingSchema = findingTermsSchema
  .extend({
    key: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_ ]*$/)
      .describe('The label of the output, spelled as the training set spells it.'),
    thresholds: z
      .record(z.string(), probability)
      .describe('Operating point name to the probability from which the finding is flagged.'),
    calibration: calibrationSchema.optional(),
    evaluation: z
      .strictObject({
        auroc: z.number().min(0).max(1),
        auroc95: z.tuple([z.number(), z.number()]).describe('95 % confidence interval.'),
        positives: z.int().nonnegative(),
        negatives: z.int().nonnegative(),
      })
      .optional()
      .describe('Discrimination on patients the model was not trained on.'),
    withheld: z
      .string()
      .min(1)
      .optional()
      .describe('Why the finding is computed but never shown or flagged.'),
  })
  .describe('One output of the classifier.');

/**
 * `models/<name>/manifest.json`: everything the pipeline must know of a model. Operating points and
 * calibration are bound to the weights by `file.sha256`: another file is refused at start.
 */
export const modelManifestSchema = z
  .strictObject({
    $schema: z.string().optional(),
    schemaVersion: z.literal(1),
    name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/),
    version: z.string().regex(/^\d+\.\d+\.\d+$/),
    title: z.string().min(1),
    licence: z.string().min(1).describe('SPDX identifier of the weights.'),
    source: z.string().min(1).describe('Where the weights come from.'),
    trainingData: z.array(z.string().min(1)).min(1),
    intendedUse: z.string().min(1),
    limitations: z.array(z.string().min(1)).min(1),
    file: fileSchema.describe('The fp32 form.'),
    variants: z.array(variantSchema).max(1).optional().describe('Other forms of the same weights.'),
    input: z.strictObject({
      name: z.string().min(1),
      layout: z.literal('NCHW'),
      channels: z.union([z.literal(1), z.literal(3)]),
      height: z.int().positive().max(4096),
      width: z.int().positive().max(4096),
      range: z.tuple([z.number(), z.number()]).describe('Values the recipe delivers.'),
      recipe: z
        .string()
        .regex(/^[a-z0-9-]+@\d+$/)
        .describe('Name and version of the preprocessing recipe, such as txrv-224@1.'),
    }),
    outputs: z.strictObject({
      logits: z.string().min(1).describe('Tensor [N, findings]: before any sigmoid.'),
      cams: z
        .string()
        .min(1)
        .optional()
        .describe('Tensor [N, findings, h, w]: class-activation maps, same order.'),
      ood: z
        .string()
        .min(1)
        .optional()
        .describe('Tensor [N, 1]: log-odds that the image is not what the model was made for.'),
    }),
    oodGate: z
      .strictObject({
        threshold: z.number().describe('Images with a higher value of outputs.ood are gated.'),
        falseRefusal: z
          .strictObject({
            images: z.int().positive().describe('Held-out images of the kind the model is for.'),
            refused: z.int().nonnegative(),
            share95: z.tuple([z.number(), z.number()]).describe('95 % confidence interval.'),
          })
          .describe('How often the gate is wrong, on patients it was not trained on.'),
      })
      .optional()
      .describe('Required with outputs.ood.'),
    operatingPoint: z.string().min(1).describe('The set of thresholds in use by default.'),
    findings: z.array(findingSchema).min(1),
  })
  .superRefine((manifest, context) => {
    if ((manifest.outputs.ood === undefined) !== (manifest.oodGate === undefined)) {
      context.addIssue({
        code: 'custom',
        path: ['oodGate'],
        message: 'outputs.ood and oodGate belong together',
      });
    }
    const seen = new Set<string>();
    for (const [index, finding] of manifest.findings.entries()) {
      if (seen.has(finding.key)) {
        context.addIssue({
          code: 'custom',
          path: ['findings', index, 'key'],
          message: `the finding ${finding.key} is listed twice`,
        });
      }
      seen.add(finding.key);
      if (!(manifest.operatingPoint in finding.thresholds)) {
        context.addIssue({
          code: 'custom',
          path: ['findings', index, 'thresholds'],
          message: `no threshold for the operating point ${manifest.operatingPoint}`,
        });
      }
    }
  });

export type ModelManifest = z.infer<typeof modelManifestSchema>;
export type ManifestFinding = ModelManifest['findings'][number];

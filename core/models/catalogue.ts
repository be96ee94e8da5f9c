import { z } from 'zod';

import { findingTermsSchema } from '../inference/model-manifest.js';

const download = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional()
    .describe('As published. Without one, what the first download gives is remembered.'),
  sizeBytes: z.int().positive().optional(),
});

export const catalogueModelSchema = z.strictObject({
  weights: z.string().describe('What TorchXRayVision calls them.'),
  title: z.string(),
  url: z.url({ protocol: /^https?$/ }).describe('The published file.'),
  copies: z
    .array(download)
    .describe('Other places: those with a hash are tried first, the others last.'),
  trainingData: z.array(z.string()).min(1),
  outputs: z
    .array(z.strictObject({ label: z.string(), threshold: z.number().gt(0).lt(1) }).nullable())
    .min(1)
    .describe("In the classifier's order; null where the output was not trained."),
  published: z
    .strictObject({
      image: z.string(),
      url: z.url({ protocol: /^https$/ }).describe('Of the image.'),
      source: z.string(),
      scores: z.record(z.string(), z.number()).describe('op_norm of the probability.'),
    })
    .optional()
    .describe('Scores that the authors print for an image that everybody can get.'),
});

/** `models/catalogue.json`: published weights that `preread models pull` knows. */
export const catalogueSchema = z.strictObject({
  schemaVersion: z.literal(1),
  source: z.string(),
  reference: z.string(),
  licence: z.string(),
  recipe: z.string(),
  inputSize: z.int().positive(),
  findings: z.record(z.string(), findingTermsSchema),
  models: z.record(z.string(), catalogueModelSchema),
});

export type Catalogue = z.infer<typeof catalogueSchema>;
export type CatalogueModel = z.infer<typeof catalogueModelSchema>;

const PREFIX = 'densenet121-res224-';

/** A model of the catalogue by its name, by TorchXRayVision's, or by the last part of either, such as `all`. */
export function findInCatalogue(
  { models }: Catalogue,
  text: string,
): { readonly name: string; readonly model: CatalogueModel } | undefined {
  const wanted = text.replaceAll('_', '-');
  for (const name of [wanted, `${PREFIX}${wanted}`]) {
    const model = Object.hasOwn(models, name) ? models[name] : undefined;
    if (model !== undefined) {
      return { name, model };
    }
  }
  return undefined;
}

import { z } from 'zod';

/** What a site decides about images that are not plainly adult frontal chest radiographs. */
export const gatePolicySchema = z
  .strictObject({
    secondaryCapture: z
      .enum(['radiographs', 'always', 'never'])
      .default('radiographs')
      .describe(
        'Secondary Capture objects: analysed when Modality says CR or DX (converted or anonymised ' +
          'radiographs come so), always, or never.',
      ),
    unknownView: z
      .enum(['analyse', 'refuse'])
      .default('analyse')
      .describe(
        'Images whose view is not stated or contradictory: a third of real chest radiographs. ' +
          'Analysed with a warning, because refusing would cost those patients their pre-read.',
      ),
    unknownBodyPart: z
      .enum(['analyse', 'refuse'])
      .default('analyse')
      .describe('Images whose body part is not stated: a third of real chest radiographs.'),
    minAgeYears: z
      .number()
      .min(0)
      .max(120)
      .default(18)
      .describe(
        'Younger patients are refused: a model of adults misreads the thymus and the heart of a ' +
          'child, and a refused image is read as it always was. Lower it for a model validated for it.',
      ),
    colour: z
      .enum(['refuse', 'luminance'])
      .default('refuse')
      .describe(
        'Colour images: refused (screen captures, reports), or analysed by their luminance.',
      ),
    minSidePixels: z
      .int()
      .min(1)
      .default(224)
      .describe(
        'Images whose shorter side has fewer pixels are refused: thumbnails and test images.',
      ),
    invertedPolarity: z
      .enum(['correct', 'warn', 'off'])
      .default('correct')
      .describe(
        'Images whose pixels are plainly inverted against their header: analysed the right way with a ' +
          'warning, analysed as they are with a warning, or not looked at. Doubtful ones are never corrected.',
      ),
    notChest: z
      .enum(['auto', 'refuse', 'warn', 'off'])
      .default('auto')
      .describe(
        'Images that the model itself takes for something else than a frontal chest radiograph. auto: ' +
          'refused when the model publishes a rate of falsely refused chests that is below 1 % with 95 % ' +
          'confidence, warned of otherwise.',
      ),
  })
  .describe('Which images are analysed.');

export type GatePolicy = z.infer<typeof gatePolicySchema>;

export const DEFAULT_GATE_POLICY: GatePolicy = Object.freeze(gatePolicySchema.parse({}));

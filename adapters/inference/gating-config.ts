import { z } from 'zod';

import { gatePolicySchema, type GatePolicy } from '../../core/gating/gate-policy.js';
import { intVariable } from '../config/load-config.js';

const {
  unknownView,
  unknownBodyPart,
  secondaryCapture,
  colour,
  minAgeYears,
  minSidePixels,
  invertedPolarity,
  notChest,
} = gatePolicySchema.shape;

/** The gate policy as environment variables; defaults and meaning are the policy's own. */
export const gatingConfig = z.object({
  PREREAD_UNKNOWN_VIEW: unknownView,
  PREREAD_UNKNOWN_BODY_PART: unknownBodyPart,
  PREREAD_SECONDARY_CAPTURE: secondaryCapture,
  PREREAD_COLOUR: colour,
  PREREAD_MIN_AGE_YEARS: intVariable({ min: 0, max: 120 })
    .default(minAgeYears.parse(undefined))
    .describe(minAgeYears.description ?? ''),
  PREREAD_MIN_SIDE_PIXELS: intVariable({ min: 1, max: 65_535 })
    .default(minSidePixels.parse(undefined))
    .describe(minSidePixels.description ?? ''),
  PREREAD_INVERTED_POLARITY: invertedPolarity,
  PREREAD_NOT_CHEST: notChest,
  PREREAD_RULES: z
    .string()
    .optional()
    .describe(
      "File (YAML or JSON) with the site's own rules on any DICOM attribute: docs/site-rules.md. " +
        'Try it with preread inspect --rules.',
    ),
});

export type GatingConfig = z.infer<typeof gatingConfig>;

export function gatePolicyOf(config: GatingConfig): GatePolicy {
  return {
    unknownView: config.PREREAD_UNKNOWN_VIEW,
    unknownBodyPart: config.PREREAD_UNKNOWN_BODY_PART,
    secondaryCapture: config.PREREAD_SECONDARY_CAPTURE,
    colour: config.PREREAD_COLOUR,
    minAgeYears: config.PREREAD_MIN_AGE_YEARS,
    minSidePixels: config.PREREAD_MIN_SIDE_PIXELS,
    invertedPolarity: config.PREREAD_INVERTED_POLARITY,
    notChest: config.PREREAD_NOT_CHEST,
  };
}

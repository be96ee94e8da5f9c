import { PipelineError } from '../errors.js';
import { PRECISIONS, type ModelManifest, type Precision } from './model-manifest.js';

/** What a user may ask for. */
export const PRECISION_CHOICES = ['auto', ...PRECISIONS] as const;
export type PrecisionChoice = (typeof PRECISION_CHOICES)[number];

/** Largest loss of a shown finding's AUROC at which another number format may stand in for fp32. */
export const MAX_AUROC_DIFFERENCE = 0.005;

/** One of the files that a manifest describes. */
export interface ModelWeights {
  readonly precision: Precision;
  readonly file: ModelManifest['file'];
  /** Path of the self-test that holds for it, relative to the manifest's folder. */
  readonly selfTest: string;
}

export interface WeightsChoice {
  readonly precision: PrecisionChoice;
  /** Whether this processor multiplies 8-bit integers faster than it does floats, and exactly. */
  readonly fastInt8: boolean;
}

/**
 * Which file of a model to load. `auto` takes int8 where the processor gains by it and the labelled
 * evaluation in the manifest allows it. Throws `config-invalid` when a form is demanded that the model lacks.
 */
export function chooseWeights(
  manifest: ModelManifest,
  { precision, fastInt8 }: WeightsChoice,
): ModelWeights {
  const fp32 = { precision: 'fp32', file: manifest.file, selfTest: 'self-test.json' } as const;
  if (precision === 'fp32' || (precision === 'auto' && !fastInt8)) {
    return fp32;
  }
  const variant = manifest.variants?.[0];
  if (precision === 'auto') {
    const difference = variant?.aurocDifference?.largest ?? Infinity;
    return variant !== undefined && difference <= MAX_AUROC_DIFFERENCE ? weightsOf(variant) : fp32;
  }
  if (variant === undefined) {
    throw new PipelineError(
      'config-invalid',
      `${manifest.name}@${manifest.version} has no ${precision} form, and PREREAD_PRECISION asks for it.`,
    );
  }
  return weightsOf(variant);
}

type Variant = NonNullable<ModelManifest['variants']>[number];

/** A form without a self-test of its own has none: another number format gives other logits. */
function weightsOf({ precision, file, selfTest }: Variant): ModelWeights {
  return { precision, file, selfTest: selfTest ?? '' };
}

import { gatePolicyOf } from '../../adapters/inference/gating-config.js';
import { softwareVersion } from '../../adapters/process/package-info.js';
import { siteRulesSha256, type ScoringFacts } from '../../core/archive/scoring-facts.js';
import { modelProvenance } from '../../core/use-cases/run-inference.js';
import type { ClassifierConfig, OpenClassifier } from './open-classifier.js';

/** What the scores of this classifier depend on. */
export function scoringFacts(
  { classifier, manifest, siteRules }: OpenClassifier,
  config: ClassifierConfig,
): ScoringFacts {
  return {
    softwareVersion,
    model: modelProvenance(manifest, classifier.engine),
    manifest,
    decode: config.PREREAD_DECODE,
    gatePolicy: gatePolicyOf(config),
    siteRules: siteRulesSha256(siteRules),
  };
}

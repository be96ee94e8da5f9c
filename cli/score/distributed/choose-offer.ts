import type { WorkerOffer } from '../../../core/archive/archive-store.js';
import { fingerprintOf, type ScoringFacts } from '../../../core/archive/scoring-facts.js';
import { PipelineError } from '../../../core/errors.js';
import { modelText } from '../../../core/inference/model-overlay.js';

/** Which of the offered models is wanted; each alone may be left open. */
export interface OfferWish {
  /** `name` or `name@version`. */
  readonly model?: string | undefined;
  readonly precision?: string | undefined;
  readonly provider?: string | undefined;
}

export interface ChosenOffer {
  readonly fingerprint: string;
  readonly facts: ScoringFacts;
  readonly workers: number;
}

/**
 * The one thing that a fleet offers and that is wanted. Throws `request-invalid` when there is none, or when
 * there are several: rows of different models in one file would be no measurement.
 */
export function chooseOffer(offers: readonly WorkerOffer[], wish: OfferWish): ChosenOffer {
  const byFingerprint = new Map<string, ChosenOffer>();
  for (const { facts } of offers) {
    const fingerprint = fingerprintOf(facts);
    const workers = (byFingerprint.get(fingerprint)?.workers ?? 0) + 1;
    byFingerprint.set(fingerprint, { fingerprint, facts, workers });
  }
  const all = [...byFingerprint.values()];
  if (all.length === 0) {
    throw new PipelineError(
      'request-invalid',
      'No worker offers to score archives: start preread serve with PREREAD_ARCHIVE_DIR and the same DATABASE_URL.',
    );
  }
  const fitting = all.filter(({ facts }) => fits(facts, wish));
  const [first, ...others] = fitting;
  if (first === undefined) {
    throw new PipelineError('request-invalid', `No worker offers that. There is: ${list(all)}.`);
  }
  if (others.length > 0) {
    throw new PipelineError(
      'request-invalid',
      `The workers offer different things: ${list(fitting)}. Choose with --model name@version, --precision ` +
        'or --provider, or wait until all of them are the same.',
    );
  }
  return first;
}

function fits({ model }: ScoringFacts, { model: name, precision, provider }: OfferWish): boolean {
  return (
    (name === undefined || name === model.name || name === `${model.name}@${model.version}`) &&
    (precision === undefined || precision === 'auto' || precision === model.precision) &&
    (provider === undefined || provider === 'auto' || provider === model.executionProvider)
  );
}

function list(offers: readonly ChosenOffer[]): string {
  return offers.map(describeOffer).join('; ');
}

/** One line for people. */
export function describeOffer({ facts, workers }: ChosenOffer): string {
  const { model, decode, softwareVersion } = facts;
  const of = workers === 1 ? '1 worker' : `${workers} workers`;
  return (
    `${modelText(model)}, ${model.precision} on ${model.executionProvider}, decode ${decode}, ` +
    `preread ${softwareVersion}, ${of}`
  );
}

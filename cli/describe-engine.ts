import { modelText } from '../core/inference/model-overlay.js';
import type { OpenClassifier } from '../workers/inference/open-classifier.js';

/** What computes, and why it is not the provider or the number format that comes first. */
export function describeEngine({ classifier, manifest }: OpenClassifier): string {
  const { engine, fallback, maxBatch } = classifier;
  const processes = `${classifier.processes} ${classifier.processes === 1 ? 'process' : 'processes'}`;
  const why = fallback === undefined ? '' : ` (not ${fallback.wanted}: ${fallback.reason})`;
  const { executionProvider, precision } = engine;
  const batches = maxBatch === 1 ? '' : `, batches of up to ${maxBatch}`;
  return `${modelText(manifest)}, ${precision} on ${executionProvider}${why}, ${processes}${batches}`;
}

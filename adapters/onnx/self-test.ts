import { PipelineError } from '../../core/errors.js';
import type { ModelManifest } from '../../core/inference/model-manifest.js';
import { selfTestInput, type ModelSelfTest } from '../../core/inference/model-self-test.js';
import type { ClassifierSession } from './classifier-session.js';

/**
 * Runs a session once, so that the first image does not pay for what the runtime does lazily, then
 * through the model's self-test. Throws `model-self-test-failed` naming the case and the difference.
 */
export async function warmUp(
  session: ClassifierSession,
  manifest: ModelManifest,
  selfTest: ModelSelfTest | undefined,
): Promise<void> {
  const { channels, height, width } = manifest.input;
  await session.run(new Float32Array(channels * height * width));
  for (const { name, input, logits } of selfTest?.cases ?? []) {
    const output = await session.run(selfTestInput(manifest.input, input));
    const difference = Math.max(
      ...output.logits.map((logit, index) => Math.abs(logit - (logits[index] ?? Infinity))),
    );
    // Also true for NaN, which no comparison with `>` would catch.
    if (!(difference <= (selfTest?.tolerance ?? 0))) {
      throw new PipelineError(
        'model-self-test-failed',
        `The model does not reproduce its self-test "${name}" on ${session.executionProvider}: ` +
          `a logit differs by ${difference.toPrecision(3)}.`,
      );
    }
  }
}

/** Patterns that differ in both directions, so that a swapped axis shows. */
const PATTERNS = [
  { pattern: 'waves', cyclesX: 1, cyclesY: 2 },
  { pattern: 'waves', cyclesX: 5, cyclesY: 3 },
] as const;
/** Between processors and providers fp32 differs by 1e-5 of the largest logit; a wrong operator by far more. */
const RELATIVE_TOLERANCE = 1e-3;

/** The self-test of a model that has none: what it computes now is what it must compute from now on. */
export async function computeSelfTest(
  session: ClassifierSession,
  manifest: ModelManifest,
  relativeTolerance = RELATIVE_TOLERANCE,
): Promise<ModelSelfTest> {
  const cases: ModelSelfTest['cases'] = [];
  for (const input of PATTERNS) {
    const { logits } = await session.run(selfTestInput(manifest.input, input));
    cases.push({ name: `waves ${input.cyclesX} ${input.cyclesY}`, input, logits: [...logits] });
  }
  const largest = Math.max(1, ...cases.flatMap(({ logits }) => logits.map(Math.abs)));
  return { schemaVersion: 1, tolerance: largest * relativeTolerance, cases };
}

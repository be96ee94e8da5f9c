import { PipelineError } from '../../core/errors.js';
import type { ModelManifest } from '../../core/inference/model-manifest.js';
import { selfTestInput, type ModelSelfTest } from '../../core/inference/model-self-test.js';
import type { ClassifierOutput, ClassifierSession } from './classifier-session.js';

/**
 * Runs a session, so that the first image does not pay for what the runtime does lazily: through the model's
 * self-test where there is one, one by one and as a batch of the largest size. TensorRT compiles for the sizes
 * that it has seen. Throws `model-self-test-failed` naming the case and the difference.
 */
export async function warmUp(
  session: ClassifierSession,
  manifest: ModelManifest,
  selfTest: ModelSelfTest | undefined,
  maxBatch = 1,
): Promise<void> {
  const { channels, height, width } = manifest.input;
  const blank = new Float32Array(channels * height * width);
  const cases = selfTest?.cases ?? [];
  if (cases.length === 0) {
    await session.run(blank);
  }
  const tensors = cases.map(({ input }) => selfTestInput(manifest.input, input));
  for (const [index, tensor] of tensors.entries()) {
    check(index, await session.run(tensor));
  }
  if (maxBatch > 1) {
    const batch = Array.from({ length: maxBatch }, (_, at) => tensors[at % cases.length] ?? blank);
    for (const [at, output] of (await session.runBatch(batch)).entries()) {
      if (cases.length > 0) {
        check(at % cases.length, output);
      }
    }
  }

  function check(index: number, output: ClassifierOutput): void {
    const { name = '', logits = [] } = cases[index] ?? {};
    const difference = Math.max(
      ...output.logits.map((logit, at) => Math.abs(logit - (logits[at] ?? Infinity))),
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

import { residentBytes } from '../../adapters/inference/resident-memory.js';
import { scoreInOrder } from '../score/score-in-order.js';
import type { BareModel } from './bare-pool.js';
import type { BenchInput } from './bench-inputs.js';
import { openBenchClassifier } from './score-bench.js';

/** Images after which everything that grows once has grown. */
const SETTLED_AFTER = 200;

export interface SoakResult {
  readonly images: number;
  /** Resident memory of the inference process. Units: bytes. */
  readonly settledBytes: number;
  readonly endBytes: number;
}

/** Many images through one inference process, the kinds in turn. */
export async function measureSoak(
  model: BareModel,
  inputs: readonly BenchInput[],
  images: number,
): Promise<SoakResult> {
  const { classifier } = await openBenchClassifier(model, 1);
  try {
    const [pid = 0] = classifier.processIds;
    let done = 0;
    let settledBytes = NaN;
    const files = turns(inputs, images);
    for await (const scored of scoreInOrder(files, classifier, new AbortController().signal)) {
      done += scored.classification.kind === 'scored' ? 1 : 0;
      if (done === SETTLED_AFTER) {
        settledBytes = residentBytes(pid) ?? NaN;
      }
    }
    return { images: done, settledBytes, endBytes: residentBytes(pid) ?? NaN };
  } finally {
    await classifier.close();
  }
}

async function* turns(
  inputs: readonly BenchInput[],
  images: number,
): AsyncGenerator<{ path: string }> {
  const paths = inputs.flatMap((input) => input.paths);
  for (let index = 0; index < images; index += 1) {
    yield await Promise.resolve({ path: paths[index % paths.length] ?? '' });
  }
}

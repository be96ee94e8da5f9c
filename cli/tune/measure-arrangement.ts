import { PipelineError } from '../../core/errors.js';
import { silentLogger } from '../../core/log.js';
import type { EngineFacts } from '../../core/inference/image-classifier.js';
import type { Arrangement } from '../../core/inference/tuning.js';
import { openClassifier, type ClassifierConfig } from '../../workers/inference/open-classifier.js';
import { scoreInOrder } from '../score/score-in-order.js';

export interface ArrangementRate {
  readonly imagesPerSecond: number;
  readonly engine: EngineFacts;
  /** In use, which a model with a fixed batch decides. */
  readonly maxBatch: number;
}

/** Images a second of the whole way from file to scores, with the engine set up in one way. */
export async function measureArrangement(
  config: ClassifierConfig,
  { processes, threads, precision, maxBatch }: Partial<Arrangement>,
  paths: readonly string[],
  windowMs: number,
): Promise<ArrangementRate> {
  const { classifier } = await openClassifier(
    { logger: silentLogger },
    {
      ...config,
      PREREAD_INFERENCE_PROCESSES: processes,
      PREREAD_INFERENCE_THREADS: threads,
      PREREAD_PRECISION: precision ?? config.PREREAD_PRECISION,
      PREREAD_MAX_BATCH: maxBatch,
    },
  );
  const never = new AbortController().signal;
  let refused: string | undefined;

  async function rate(limitMs: number): Promise<number> {
    const startMs = performance.now();
    let images = 0;
    let lastMs = startMs;
    const forever = endless(paths, () => performance.now() - startMs >= limitMs);
    for await (const { classification } of scoreInOrder(forever, classifier, never)) {
      if (classification.kind !== 'scored') {
        refused = classification.detail;
        continue;
      }
      images += 1;
      lastMs = performance.now();
    }
    if (images === 0) {
      const why = refused ?? 'none was finished in time';
      throw new PipelineError('request-invalid', `No image could be scored: ${why}`);
    }
    return (images * 1000) / (lastMs - startMs);
  }
  try {
    // Codecs, kernels and caches are warm after this.
    await rate(windowMs / 4);
    const imagesPerSecond = await rate(windowMs);
    return { imagesPerSecond, engine: classifier.engine, maxBatch: classifier.maxBatch };
  } finally {
    await classifier.close();
  }
}

async function* endless(
  paths: readonly string[],
  isOver: () => boolean,
): AsyncGenerator<{ path: string }> {
  for (let index = 0; !isOver(); index += 1) {
    yield await Promise.resolve({ path: paths[index % paths.length]! });
  }
}

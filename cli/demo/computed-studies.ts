import { on, once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { builtEntry } from '../../adapters/process/package-info.js';
import type { DemoStudy } from '../../scripts/phantom/demo-studies.js';

export interface StudyThreadData {
  readonly seed: string;
  readonly count: number;
}

/** The demo's studies, computed beside the caller's thread, each as soon as it is ready. */
export async function* computedStudies(
  data: StudyThreadData,
  signal: AbortSignal,
): AsyncGenerator<DemoStudy> {
  const worker = new Worker(builtEntry('cli/demo/study-thread'), { workerData: data });
  const ended = new AbortController();
  const failed = once(worker, 'error').then(([error]) => {
    ended.abort(error);
  });
  try {
    const messages = on(worker, 'message', {
      signal: AbortSignal.any([signal, ended.signal]),
      close: ['exit'],
    });
    for await (const [study] of messages as AsyncIterable<[DemoStudy]>) {
      yield study;
    }
  } finally {
    await worker.terminate();
    void failed.catch(() => undefined);
  }
}

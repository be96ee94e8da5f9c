import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { builtEntry } from '../../adapters/process/package-info.js';
import type { ProviderChoice } from '../../adapters/onnx/execution-providers.js';
import type { Precision } from '../../core/inference/model-manifest.js';
import { sum } from './statistics.js';

/** What is measured: inference alone, or everything before it alone. */
export type BareWork = 'infer' | 'preprocess';

export type BareRequest =
  | ({ readonly type: 'prepare'; readonly paths: readonly string[] } & BareModel)
  | ({ readonly type: 'measure'; readonly work: BareWork } & WindowLength);

export interface BareModel {
  /** Folder. */
  readonly model: string;
  readonly precision: Precision;
  readonly provider: ProviderChoice;
  /** Images at once; undefined for what suits the provider. */
  readonly maxBatch: number | undefined;
}

/** A window ends when both are reached. */
export interface WindowLength {
  readonly windowMs: number;
  readonly imagesPerProcess: number;
}

export interface BareCount {
  readonly images: number;
  readonly imagesPerSecond: number;
}

export interface BarePool {
  readonly processIds: readonly number[];
  /** Makes the tensors of these files; gives how many there are. */
  prepare(paths: readonly string[]): Promise<number>;
  /** All processes together, each over its own time: none is charged for waiting for the others to end. */
  measure(work: BareWork, length: WindowLength): Promise<BareCount>;
  close(): void;
}

/** As many processes with a bare session as the pipeline has children. */
export function openBarePool(model: BareModel, processes: number): BarePool {
  const children = Array.from({ length: processes }, () =>
    fork(builtEntry('cli/bench/bare-child'), {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    }),
  );
  return {
    processIds: children.flatMap(({ pid }) => pid ?? []),
    async prepare(paths) {
      const counts = await askAll(children, { type: 'prepare', ...model, paths });
      return Math.min(...counts.map(({ images }) => images));
    },
    async measure(work, length) {
      const counts = await askAll(children, { type: 'measure', work, ...length });
      return {
        images: sum(counts.map(({ images }) => images)),
        imagesPerSecond: sum(counts.map(({ imagesPerSecond }) => imagesPerSecond)),
      };
    },
    close() {
      for (const child of children) {
        child.disconnect();
      }
    },
  };
}

function askAll(children: readonly ChildProcess[], request: BareRequest): Promise<BareCount[]> {
  return Promise.all(
    children.map(async (child) => {
      child.send(request);
      const [count] = (await once(child, 'message')) as [BareCount];
      return count;
    }),
  );
}

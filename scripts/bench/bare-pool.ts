import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { builtEntry } from '../../adapters/process/package-info.js';

export type BareRequest =
  | { readonly type: 'prepare'; readonly model: string; readonly paths: readonly string[] }
  | { readonly type: 'measure'; readonly windowMs: number };

export interface BarePool {
  readonly processIds: readonly number[];
  /** Makes the tensors of these files; gives how many there are. */
  prepare(paths: readonly string[]): Promise<number>;
  /** Runs of all processes together. */
  measure(windowMs: number): Promise<number>;
  close(): void;
}

/** As many processes with a bare session as the pipeline has children. */
export function openBarePool(model: string, processes: number): BarePool {
  const children = Array.from({ length: processes }, () =>
    fork(builtEntry('scripts/bench/bare-child'), { execArgv: [] }),
  );
  return {
    processIds: children.flatMap(({ pid }) => pid ?? []),
    async prepare(paths) {
      const counts = await askAll(children, { type: 'prepare', model, paths });
      return Math.min(...counts);
    },
    async measure(windowMs) {
      const counts = await askAll(children, { type: 'measure', windowMs });
      return counts.reduce((sum, count) => sum + count, 0);
    },
    close() {
      for (const child of children) {
        child.disconnect();
      }
    },
  };
}

function askAll(children: readonly ChildProcess[], request: BareRequest): Promise<number[]> {
  return Promise.all(
    children.map(async (child) => {
      child.send(request);
      const [count] = (await once(child, 'message')) as [number];
      return count;
    }),
  );
}

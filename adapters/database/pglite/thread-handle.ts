import { Worker } from 'node:worker_threads';

import { builtEntry } from '../../process/package-info.js';
import type { FromThread, ThreadData, ToThread } from './messages.js';

export interface ThreadHandle {
  /** Rejects when the server does not come up. */
  readonly ready: Promise<void>;
  /** Resolves when the thread has ended, for whatever reason. */
  readonly ended: Promise<void>;
  post(message: ToThread, transfer?: readonly ArrayBuffer[]): void;
  /** Ends the thread where it stands. */
  kill(): void;
}

export type Received = Exclude<FromThread, { readonly kind: 'ready' }>;

/** Starts the thread of an embedded server. */
export function startThread(
  databaseFolder: string,
  onReceived: (message: Received) => void,
): ThreadHandle {
  const data: ThreadData = { databaseFolder };
  const worker = new Worker(builtEntry('adapters/database/pglite/thread'), {
    workerData: data,
    // PGlite prints the server's log, which quotes statements. Nobody else gets to see it.
    stdout: true,
    stderr: true,
  });
  worker.stdout.resume();
  worker.stderr.resume();

  let thrown: unknown;
  worker.on('error', (error) => {
    thrown = error;
  });
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      resolve();
    });
  });
  const ready = new Promise<void>((resolve, reject) => {
    worker.on('message', (message: FromThread) => {
      if (message.kind === 'ready') {
        resolve();
      } else {
        onReceived(message);
      }
    });
    void ended.then(() => {
      reject(new Error('the embedded database did not start', { cause: thrown }));
    });
  });
  return {
    ready,
    ended,
    post: (message, transfer = []) => {
      worker.postMessage(message, transfer);
    },
    kill: () => {
      void worker.terminate();
    },
  };
}

import { PipelineError } from '../../core/errors.js';
import { storageError } from './storage-error.js';

export interface StorageGuardOptions {
  /** As it is called in the error: `object store`. */
  readonly what: string;
  /** An operation that takes longer has met a share that hangs. */
  readonly timeLimitMs: number;
  /** Operations at once; more wait for their turn. */
  readonly maxInFlight: number;
}

export interface StorageGuard {
  /**
   * Runs an operation of the file system; what it throws comes out as a PipelineError, `storage-unavailable` also when it does
   * not answer in time.
   * @param onLate gets the value that came too late, to undo it
   */
  readonly run: <T>(operation: () => Promise<T>, onLate?: (value: T) => unknown) => Promise<T>;
  /** Removes or closes something: now, or when the share answers again. Never throws. */
  readonly tidy: (operation: () => Promise<unknown>) => Promise<void>;
}

/**
 * Keeps a network share that hangs from taking the process with it.
 *
 * A system call that hangs cannot be called off: it holds one of libuv's few threads until the share answers,
 * and when all of them are held no file is read and no host name resolved in the whole process. So there are fewer operations at
 * once than threads, and while one is overdue every other is refused at once. When it ends after all, all goes on.
 */
export function createStorageGuard({
  what,
  timeLimitMs,
  maxInFlight,
}: StorageGuardOptions): StorageGuard {
  const waiting: { readonly start: () => void; readonly refuse: () => void }[] = [];
  let postponed: (() => Promise<unknown>)[] = [];
  let inFlight = 0;
  let overdue = 0;

  function startNext(): void {
    while (inFlight < maxInFlight && overdue === 0 && waiting.length > 0) {
      waiting.shift()?.start();
    }
  }

  function run<T>(operation: () => Promise<T>, onLate?: (value: T) => unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const refuse = (): void => {
        reject(new PipelineError('storage-unavailable', `The ${what} does not answer.`));
      };
      const start = (): void => {
        let late = false;
        inFlight += 1;
        const timer = setTimeout(() => {
          late = true;
          overdue += 1;
          refuse();
          for (const other of waiting.splice(0)) {
            other.refuse();
          }
        }, timeLimitMs);
        operation()
          .then(
            (value) => {
              if (late) {
                void Promise.resolve(onLate?.(value)).catch(ignore);
              }
              resolve(value);
            },
            (error: unknown) => {
              reject(storageError(error));
            },
          )
          .finally(() => {
            clearTimeout(timer);
            inFlight -= 1;
            overdue -= late ? 1 : 0;
            if (overdue === 0) {
              const due = postponed;
              postponed = [];
              due.forEach((clean) => void tidy(clean));
            }
            startNext();
          });
      };
      if (overdue > 0) {
        refuse();
      } else {
        waiting.push({ start, refuse });
        startNext();
      }
    });
  }

  async function tidy(operation: () => Promise<unknown>): Promise<void> {
    if (overdue > 0) {
      postponed.push(operation);
      return;
    }
    await run(operation).catch(() => {
      // Perhaps it was refused for another one's sake. Closing and removing may be done twice.
      if (overdue > 0) {
        postponed.push(operation);
      }
    });
  }

  return { run, tidy };
}

function ignore(): void {
  // What came too late could not be undone; nobody waits for it.
}

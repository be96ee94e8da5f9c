import type { FileHandle } from 'node:fs/promises';

/** How long rows wait for others. What is lost with them when the process dies is scored again. */
const GATHER_MS = 100;
/** Rows that wait for a slow disk. Unit: characters. */
const MAX_WAITING = 65_536;

export interface RowWriter {
  /** Throws what an earlier write failed of. */
  write(row: string): Promise<void>;
  /** Writes what waits. Throws what any write failed of. */
  end(): Promise<void>;
}

/**
 * Appends rows to a file, ten times a second at most: a write of its own for each row wakes a thread of the pool and then this
 * one, and with small images that costs more than anything else here.
 */
export function createRowWriter(handle: Pick<FileHandle, 'appendFile'>): RowWriter {
  let waiting = '';
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let failure: Error | undefined;

  /** Begun only where something waits, so that it ends later than it begins. */
  async function writeAll(): Promise<void> {
    while (waiting !== '' && failure === undefined) {
      const rows = waiting;
      waiting = '';
      try {
        await handle.appendFile(rows);
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
      }
    }
    writing = undefined;
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (writing === undefined && waiting !== '' && failure === undefined) {
      writing = writeAll();
    }
    return writing ?? Promise.resolve();
  }

  function throwFailure(): void {
    if (failure !== undefined) {
      throw failure;
    }
  }

  return {
    async write(row) {
      throwFailure();
      waiting += row;
      if (waiting.length > MAX_WAITING) {
        await flush();
        throwFailure();
      } else {
        timer ??= setTimeout(() => void flush(), GATHER_MS);
      }
    },
    async end() {
      await flush();
      throwFailure();
    },
  };
}

import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import type { StorageGuard } from '../../adapters/storage/storage-guard.js';
import { toPipelineError } from '../../core/errors.js';
import type { PipelineError } from '../../core/errors.js';
import type { Logger } from '../../core/log.js';
import type { Clock } from '../../core/time.js';
import type { FinishedFiles } from './finished-files.js';
import { openForWriting } from './open-writers.js';
import { scanFolder } from './scan-folder.js';
import type { FoundFile } from './scan-folder.js';

export interface WatchFolderDeps {
  /** Takes a file in; resolves when it is durable. Throws a PipelineError when it is not. */
  readonly takeIn: (path: string) => Promise<void>;
  /** Of the share that the folder is on, and of no other. */
  readonly guard: StorageGuard;
  readonly finished: FinishedFiles;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface WatchFolderOptions {
  readonly folder: string;
  readonly intervalMs: number;
  readonly settleMs: number;
}

export interface FolderWatch {
  /** Rejects when watching makes no sense any more, as when the server refuses our key. */
  readonly failed: Promise<never>;
  /** Finishes the file in hand. Idempotent. */
  close(): Promise<void>;
}

interface Observation {
  readonly version: string;
  readonly sinceMs: number;
  /** After a failure that may pass. */
  notBeforeMs: number;
  failures: number;
}

/** What a file that is still being written looks like. */
const MAYBE_INCOMPLETE: ReadonlySet<string> = new Set(['dicom-truncated', 'dicom-unreadable']);
const INCOMPLETE_GRACE_MS = 30_000;
const FATAL: ReadonlySet<string> = new Set(['unauthenticated', 'forbidden']);
const LONGEST_RETRY_MS = 60_000;
/** Looking at a large folder again and again takes at most this share of the time. */
const REST_AFTER_SCAN = 9;

/**
 * Takes the files of a folder in, each when it has settled. The folder is looked at again and again: change
 * events do not come from network shares, and settling needs a second look anyway.
 */
export function watchFolder(deps: WatchFolderDeps, options: WatchFolderOptions): FolderWatch {
  const stopping = new AbortController();
  const isStopping = (): boolean => stopping.signal.aborted;
  let observations = new Map<string, Observation>();
  let fail: (error: PipelineError) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);

  async function findSettled(): Promise<FoundFile[]> {
    const settled: FoundFile[] = [];
    const present = new Map<string, Observation>();
    for await (const file of scanFolder(deps.guard, options.folder, deps.finished.skip)) {
      if (deps.finished.isFinished(file)) {
        continue;
      }
      const observation = observe(file, observations.get(file.path), deps.clock());
      present.set(file.path, observation);
      const nowMs = deps.clock();
      if (nowMs - observation.sinceMs >= options.settleMs && nowMs >= observation.notBeforeMs) {
        settled.push(file);
      }
    }
    observations = present;
    const open = await openForWriting(
      deps.guard,
      settled.map(({ path }) => path),
    );
    return settled.filter(({ path }) => !open.has(path));
  }

  async function handle(file: FoundFile): Promise<void> {
    const observation = observations.get(file.path);
    if (observation === undefined || (await hasChanged(deps.guard, file))) {
      return;
    }
    let error: PipelineError | undefined;
    try {
      await deps.takeIn(file.path);
    } catch (thrown) {
      error = toPipelineError(thrown);
    }
    if (await hasChanged(deps.guard, file)) {
      return; // It was not settled after all: what came of it does not count.
    }
    if (error === undefined) {
      await deps.guard.run(() => deps.finished.finish(file, { kind: 'done' }));
      return;
    }
    if (FATAL.has(error.code)) {
      fail(error);
      stopping.abort();
      return;
    }
    const waitMs = patienceWith(error, observation, deps.clock());
    if (waitMs !== undefined) {
      observation.failures += 1;
      observation.notBeforeMs = deps.clock() + waitMs;
      deps.logger.warn({ code: error.code, waitMs }, 'file of the watched folder waits');
      return;
    }
    const { code, message } = error;
    deps.logger.warn({ code }, 'file of the watched folder refused');
    await deps.guard.run(() => deps.finished.finish(file, { kind: 'failed', code, message }));
  }

  async function run(): Promise<void> {
    while (!isStopping()) {
      // Not by the clock, which may be set: a jump of it must not become a rest of a minute.
      const startedMs = performance.now();
      try {
        await deps.finished.keepHold();
        for (const file of await findSettled()) {
          if (isStopping()) {
            return;
          }
          await handle(file);
        }
      } catch (error) {
        // A share that is unmounted or hangs, a full disk: it may come right.
        deps.logger.error({ err: error }, 'the watched folder cannot be worked on');
      }
      const restMs = Math.max(
        options.intervalMs,
        Math.min(LONGEST_RETRY_MS, (performance.now() - startedMs) * REST_AFTER_SCAN),
      );
      await sleep(restMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }

  const running = run();
  return {
    failed,
    close: async () => {
      stopping.abort();
      await running;
    },
  };
}

function observe(file: FoundFile, before: Observation | undefined, nowMs: number): Observation {
  const version = `${file.sizeBytes} ${file.mtimeMs}`;
  return before?.version === version
    ? before
    : { version, sinceMs: nowMs, notBeforeMs: 0, failures: 0 };
}

async function hasChanged(
  guard: StorageGuard,
  { path, sizeBytes, mtimeMs }: FoundFile,
): Promise<boolean> {
  const now = await guard.run(() => stat(path).catch(() => undefined));
  return now?.size !== sizeBytes || now.mtimeMs !== mtimeMs;
}

/** How long to wait before trying again; undefined when trying again does not help. */
function patienceWith(
  error: PipelineError,
  { sinceMs, failures }: Observation,
  nowMs: number,
): number | undefined {
  if (error.failure === 'transient' || error.code === 'internal') {
    return Math.min(LONGEST_RETRY_MS, 1_000 * 2 ** failures);
  }
  const graceMs = sinceMs + INCOMPLETE_GRACE_MS - nowMs;
  return MAYBE_INCOMPLETE.has(error.code) && graceMs > 0 ? graceMs : undefined;
}

import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { z } from 'zod';

import { takeLock } from '../../adapters/process/exclusive-lock.js';
import { PipelineError } from '../../core/errors.js';
import type { FoundFile } from './scan-folder.js';

/** What a file came to: taken in, or refused for a reason. */
export type FileVerdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

/** Where finished files go, or where it is remembered that they are finished. */
export interface FinishedFiles {
  /** Folders that hold finished files and are not looked into. */
  readonly skip: ReadonlySet<string>;
  isFinished(file: FoundFile): boolean;
  finish(file: FoundFile, verdict: FileVerdict): Promise<void>;
  /**
   * Takes the folder for this process again when that was lost, as after standing still for long.
   * @throws PipelineError `config-invalid` while another process has it
   */
  keepHold(): Promise<void>;
  close(): Promise<void>;
}

type Bookkeeping = Pick<FinishedFiles, 'skip' | 'isFinished' | 'finish'>;

export interface FinishedFilesOptions {
  readonly folder: string;
  /** Leaves files where they are. */
  readonly keep: boolean;
  /** Holds what is remembered of each watched folder. */
  readonly stateFolder: string;
}

const lineSchema = z.object({
  path: z.string(),
  sizeBytes: z.number(),
  mtimeMs: z.number(),
});

/**
 * @throws PipelineError `config-invalid` when the folder cannot be used, or another process of the same state
 *   folder watches it; `storage-unavailable` when that folder cannot be written
 */
export async function openFinishedFiles(options: FinishedFilesOptions): Promise<FinishedFiles> {
  const folder = resolve(options.folder);
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw new PipelineError('config-invalid', `There is no folder ${folder} to watch.`);
  }
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  const state = join(resolve(options.stateFolder), 'watch');
  const take = () => holdFolder(folder, state, name);
  let hold = await take();
  const bookkeeping = options.keep
    ? await rememberFiles(folder, join(state, `${name}.jsonl`))
    : moveFiles(folder);
  return {
    ...bookkeeping,
    async keepHold() {
      if (hold.isLost()) {
        hold = await take();
      }
    },
    close: () => hold.release(),
  };
}

/** Two processes that watch one folder would take files out of each other's hands. */
async function holdFolder(
  path: string,
  state: string,
  name: string,
): Promise<{ isLost(): boolean; release(): Promise<void> }> {
  let lost = false;
  const stem = join(state, name);
  const attempt = await mkdir(state, { recursive: true, mode: 0o750 })
    .then(() =>
      takeLock({ path, lockPath: `${stem}.lock`, ownerPath: `${stem}.owner.json` }, () => {
        lost = true;
      }),
    )
    .catch((cause: unknown) => {
      const message = `cannot write to ${state}, where it is kept who watches; PREREAD_DATA_DIR says where that is`;
      throw new PipelineError('storage-unavailable', message, { cause });
    });
  if (attempt.kind === 'taken') {
    const { owner } = attempt;
    const who = owner === undefined ? 'Another process' : `Process ${owner.pid} on ${owner.host}`;
    throw new PipelineError('config-invalid', `${who} watches ${path} already.`);
  }
  return { isLost: () => lost, release: attempt.release };
}

function moveFiles(folder: string): Bookkeeping {
  const done = join(folder, 'done');
  const failed = join(folder, 'failed');
  return {
    skip: new Set([done, failed]),
    isFinished: () => false,
    async finish(file, verdict) {
      const target = await freePath(
        join(verdict.kind === 'done' ? done : failed, file.relativePath),
      );
      await mkdir(dirname(target), { recursive: true });
      if (verdict.kind === 'failed') {
        const time = new Date().toISOString();
        await writeFile(`${target}.reason`, `${verdict.code}: ${verdict.message}\n${time}\n`);
      }
      await rename(file.path, target);
    },
  };
}

/** One line for each finished file; a file is another one when its size or time is. */
async function rememberFiles(folder: string, ledger: string): Promise<Bookkeeping> {
  const finished = new Map<string, string>();
  const text = await readFile(ledger, 'utf8').catch(() => '');
  for (const line of text.split('\n')) {
    const parsed = lineSchema.safeParse(parseJson(line));
    if (parsed.success) {
      finished.set(parsed.data.path, versionOf(parsed.data));
    }
  }
  // A line that was cut by a crash must not swallow the next one.
  if (text !== '' && !text.endsWith('\n')) {
    await appendFile(ledger, '\n');
  }
  return {
    skip: new Set(),
    isFinished: (file) => finished.get(file.path) === versionOf(file),
    async finish(file, verdict) {
      const { path, sizeBytes, mtimeMs } = file;
      const line = { path, sizeBytes, mtimeMs, ...verdict, folder };
      await appendFile(ledger, `${JSON.stringify(line)}\n`, { mode: 0o640 });
      finished.set(path, versionOf(file));
    },
  };
}

function versionOf(file: Pick<FoundFile, 'sizeBytes' | 'mtimeMs'>): string {
  return `${file.sizeBytes} ${file.mtimeMs}`;
}

/** The path, or the first with a number that nothing has yet. */
async function freePath(path: string): Promise<string> {
  for (let count = 0; ; count += 1) {
    const candidate = count === 0 ? path : `${path}.${count}`;
    if ((await stat(candidate).catch(() => undefined)) === undefined) {
      return candidate;
    }
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

import { existsSync, readFileSync } from 'node:fs';
import {
  appendFile,
  mkdir,
  open as openFile,
  readdir,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { DECODABLE_TRANSFER_SYNTAXES } from '../../adapters/dicom/decoders/registry.js';
import { inspectFile } from '../../adapters/dicom/identify-file.js';
import { readGuarded } from '../../adapters/storage/guarded-file.js';
import { createLocalObjectStore } from '../../adapters/storage/local-object-store.js';
import { createStorageGuard } from '../../adapters/storage/storage-guard.js';
import { PipelineError } from '../../core/errors.js';
import { silentLogger } from '../../core/log.js';
import { ingestInstance } from '../../core/use-cases/ingest-instance.js';
import { openFinishedFiles } from '../../services/ingest-folder/finished-files.js';
import { watchFolder } from '../../services/ingest-folder/watch-folder.js';
import { newChest, newUid } from '../support/chest-sender.js';
import { eventually } from '../support/eventually.js';
import { openStudies } from '../support/studies.js';
import type { TestStudies } from '../support/studies.js';
import { hangingFile } from '../support/hanging-file.js';
import { runScript } from '../support/script-process.js';
import { temporaryFolder } from '../support/temp-folder.js';

let database: TestStudies;

beforeAll(async () => {
  database = await openStudies();
});

afterAll(() => database.close());

interface Bed {
  readonly folder: string;
  readonly dataFolder: string;
}

function newBed(): Bed {
  return { folder: temporaryFolder(), dataFolder: temporaryFolder() };
}

/** Watches a folder into the test's database; counts what is taken in. */
async function watch(
  { folder, dataFolder }: Bed,
  options: { readonly keep?: boolean; readonly trouble?: () => PipelineError | undefined } = {},
) {
  const objects = createLocalObjectStore({ dataFolder, minFreeBytes: 0 });
  const finished = await openFinishedFiles({
    folder,
    keep: options.keep ?? false,
    stateFolder: dataFolder,
  });
  const guard = createStorageGuard({ what: 'watched folder', timeLimitMs: 1_000, maxInFlight: 1 });
  let clockOffsetMs = 0;
  let attempts = 0;
  const errors: unknown[] = [];
  let waiting = 0;
  const watching = watchFolder(
    {
      takeIn: async (path) => {
        attempts += 1;
        const trouble = options.trouble?.();
        if (trouble !== undefined) {
          throw trouble;
        }
        const outcome = await ingestInstance(
          {
            objects,
            studies: database.studies,
            inspectFile,
            decodable: DECODABLE_TRANSFER_SYNTAXES,
            clock: Date.now,
            logger: silentLogger,
          },
          { bytes: readGuarded(guard, path), maxBytes: 2 ** 30 },
        );
        if (outcome.kind === 'failed') {
          throw outcome.error;
        }
      },
      guard,
      finished,
      logger: {
        ...silentLogger,
        error: ({ err }) => errors.push(err),
        warn: (_, message) => {
          waiting += message.endsWith('waits') ? 1 : 0;
        },
      },
      clock: () => Date.now() + clockOffsetMs,
    },
    { folder, intervalMs: 50, settleMs: 300 },
  );
  const stop = async () => {
    await watching.close();
    await finished.close();
  };
  onTestFinished(stop);
  return {
    stop,
    failed: watching.failed,
    attempts: () => attempts,
    /** Of the folder, as they are logged. */
    errors,
    /** Attempts after which a file was put off. */
    waiting: () => waiting,
    /** As if so much time had gone by. */
    forward(ms: number) {
      clockOffsetMs += ms;
    },
  };
}

async function put(path: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}

async function isStored(StudyInstanceUID: string): Promise<boolean> {
  return (await database.studies.findStudy(StudyInstanceUID)) !== undefined;
}

const appears = (path: string) =>
  eventually(() => {
    expect(existsSync(path), path).toBe(true);
  });

describe('a watched folder', () => {
  it('says so and rests while its share hangs, and takes the file in when it answers again', async () => {
    const bed = newBed();
    const chest = newChest();
    const path = join(bed.folder, 'a.dcm');
    await put(path, chest.bytes);
    // From the first attempt to read it on.
    let release: (() => void) | undefined;
    const trouble = () => {
      release ??= hangingFile(path);
      return undefined;
    };
    const { errors, attempts } = await watch(bed, { trouble });
    await eventually(() => {
      // Tried again and again, and refused at once: one thread hangs, and no more.
      expect(errors.length).toBeGreaterThan(3);
    });
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'storage-unavailable' });
    }
    expect(attempts()).toBe(1);
    expect(await isStored(chest.StudyInstanceUID)).toBe(false);
    release?.();
    await appears(join(bed.folder, 'done', 'a.dcm'));
    expect(await isStored(chest.StudyInstanceUID)).toBe(true);
  });

  it('moves what it has taken in to done, from subfolders too, and keeps names apart', async () => {
    const bed = newBed();
    const chests = [newChest(), newChest(), newChest()];
    await put(join(bed.folder, 'a.dcm'), chests[0]!.bytes);
    await put(join(bed.folder, 'done', 'a.dcm'), 'was here before');
    await put(join(bed.folder, 'sub', 'deep', 'b'), chests[1]!.bytes);
    await watch(bed);
    await appears(join(bed.folder, 'done', 'a.dcm.1'));
    await appears(join(bed.folder, 'done', 'sub', 'deep', 'b'));
    // By rename, as careful programs do.
    await put(join(bed.folder, 'c.part'), chests[2]!.bytes);
    await rename(join(bed.folder, 'c.part'), join(bed.folder, 'c.dcm'));
    await appears(join(bed.folder, 'done', 'c.dcm'));
    for (const { StudyInstanceUID } of chests) {
      expect(await isStored(StudyInstanceUID)).toBe(true);
    }
    expect(readFileSync(join(bed.folder, 'done', 'a.dcm'), 'utf8')).toBe('was here before');
  });

  it('moves what is no DICOM to failed with the reason, and what is no chest image of ours', async () => {
    const bed = newBed();
    await put(join(bed.folder, 'letter.txt'), 'Dear colleague');
    const ct = newChest({}, { '00080016': ['UI', '1.2.840.10008.5.1.4.1.1.2'] });
    await put(join(bed.folder, 'ct.dcm'), ct.bytes);
    const watching = await watch(bed);
    await appears(join(bed.folder, 'failed', 'ct.dcm'));
    const reason = readFileSync(join(bed.folder, 'failed', 'ct.dcm.reason'), 'utf8');
    expect(reason).toMatch(/^sop-class-unsupported: /);
    await eventually(() => {
      expect(watching.attempts()).toBeGreaterThanOrEqual(2);
    });
    // It might be the beginning of something; after a while it is not.
    expect(existsSync(join(bed.folder, 'letter.txt'))).toBe(true);
    watching.forward(60_000);
    await appears(join(bed.folder, 'failed', 'letter.txt'));
    expect(readFileSync(join(bed.folder, 'failed', 'letter.txt.reason'), 'utf8')).toMatch(
      /^dicom-unreadable: /,
    );
  });

  it('never takes half a file: not while it grows, not while somebody has it open, not when cut off', async () => {
    const bed = newBed();
    const chest = newChest({}, { '7fe00010': ['OW', Buffer.alloc(200_000)] });
    const path = join(bed.folder, 'slow.dcm');
    await put(path, chest.bytes.subarray(0, 1_000));
    const watching = await watch(bed);
    for (let at = 1_000; at < 100_000; at += 20_000) {
      await appendFile(path, chest.bytes.subarray(at, at + 20_000));
      await sleep(100);
    }
    const writer = await openFile(path, 'a');
    watching.forward(5_000);
    await sleep(500);
    if (process.platform === 'linux') {
      expect(watching.attempts()).toBe(0);
    }
    await writer.close();
    // Now it has settled, half as it is: looked at, and left for its writer to go on.
    await eventually(() => {
      expect(watching.attempts()).toBeGreaterThan(0);
    });
    expect(await isStored(chest.StudyInstanceUID)).toBe(false);
    const { size } = await writeRest(path, chest.bytes);
    expect(size).toBe(chest.bytes.length);
    await appears(join(bed.folder, 'done', 'slow.dcm'));
    expect(await isStored(chest.StudyInstanceUID)).toBe(true);
  });

  it('leaves files where they are when asked, and does none of them twice, after a restart either', async () => {
    const bed = newBed();
    const first = newChest();
    await put(join(bed.folder, 'a.dcm'), first.bytes);
    await put(join(bed.folder, 'broken.dcm'), newChest().bytes.subarray(0, 300));
    const before = await watch(bed, { keep: true });
    await eventually(async () => {
      expect(await isStored(first.StudyInstanceUID)).toBe(true);
      expect(before.waiting()).toBe(1);
    });
    before.forward(60_000);
    await eventually(() => {
      expect(before.attempts()).toBe(3);
    });
    await sleep(300);
    await before.stop();

    const after = await watch(bed, { keep: true });
    const second = newChest();
    await put(join(bed.folder, 'b.dcm'), second.bytes);
    await eventually(async () => {
      expect(await isStored(second.StudyInstanceUID)).toBe(true);
    });
    expect(after.attempts()).toBe(1);
    expect((await readdir(bed.folder)).sort()).toEqual(['a.dcm', 'b.dcm', 'broken.dcm']);
    // Another file under a known name is another file.
    await put(join(bed.folder, 'a.dcm'), newChest().bytes);
    await eventually(() => {
      expect(after.attempts()).toBe(2);
    });
  });

  it('tries again what may pass, and moves nothing meanwhile', async () => {
    const bed = newBed();
    let full = true;
    const chest = newChest();
    await put(join(bed.folder, 'a.dcm'), chest.bytes);
    const watching = await watch(bed, {
      trouble: () => (full ? new PipelineError('storage-full') : undefined),
    });
    await eventually(() => {
      expect(watching.waiting()).toBeGreaterThanOrEqual(1);
    });
    expect(existsSync(join(bed.folder, 'a.dcm'))).toBe(true);
    full = false;
    watching.forward(10_000);
    await appears(join(bed.folder, 'done', 'a.dcm'));
  });

  it('follows no symbolic links and looks at no hidden or unfinished files', async () => {
    const bed = newBed();
    const elsewhere = temporaryFolder();
    await put(join(elsewhere, 'x.dcm'), newChest().bytes);
    await symlink(join(elsewhere, 'x.dcm'), join(bed.folder, 'link.dcm'));
    await symlink(elsewhere, join(bed.folder, 'folder'));
    for (const name of ['.hidden.dcm', 'x.tmp', 'x.dcm.part', 'Thumbs.db']) {
      await put(join(bed.folder, name), newChest().bytes);
    }
    const real = newChest({ StudyInstanceUID: newUid() });
    await put(join(bed.folder, 'real.dcm'), real.bytes);
    const watching = await watch(bed);
    await appears(join(bed.folder, 'done', 'real.dcm'));
    expect(watching.attempts()).toBe(1);
  });

  it('ends when it may not send, is watched by one process, and must exist', async () => {
    const bed = newBed();
    await put(join(bed.folder, 'a.dcm'), newChest().bytes);
    const watching = await watch(bed, { trouble: () => new PipelineError('unauthenticated') });
    await expect(watching.failed).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(watch(bed)).rejects.toThrow(/watches/);
    const absent = { ...newBed(), folder: join(bed.folder, 'absent') };
    await expect(watch(absent)).rejects.toThrow(/no folder/);
  });
});

describe('the hold on a watched folder', () => {
  const open = ({ folder, dataFolder }: Bed) =>
    openFinishedFiles({ folder, keep: false, stateFolder: dataFolder });

  it('is free for the next process when its holder was killed', async () => {
    const bed = newBed();
    const holder = runScript('folder-watcher', [bed.folder, bed.dataFolder]);
    expect((await holder.lines.next()).value).toBe('watching');
    await expect(open(bed)).rejects.toThrow(`Process ${holder.pid} on`);
    await holder.kill('SIGKILL');
    const finished = await open(bed);
    await finished.close();
  });

  it('is taken again when it was lost', async () => {
    const bed = newBed();
    const finished = await open(bed);
    const state = join(bed.dataFolder, 'watch');
    const locks = async () => (await readdir(state)).filter((name) => name.endsWith('.lock'));
    const [lock = ''] = await locks();
    await rm(join(state, lock), { recursive: true });
    await eventually(async () => {
      await finished.keepHold();
      expect(await locks()).toEqual([lock]);
    });
    await finished.close();
    expect(await readdir(state)).toEqual([]);
  });

  it('cannot be kept where nothing can be written', async () => {
    const bed = newBed();
    const file = join(bed.dataFolder, 'file');
    await writeFile(file, '');
    await expect(open({ ...bed, dataFolder: file })).rejects.toThrow(/PREREAD_DATA_DIR/);
  });
});

async function writeRest(path: string, whole: Uint8Array) {
  const file = await openFile(path, 'r+');
  const { size } = await file.stat();
  await file.write(whole, size, whole.length - size, size);
  await file.close();
  return { size: whole.length };
}

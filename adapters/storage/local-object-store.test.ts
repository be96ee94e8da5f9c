import { randomBytes } from 'node:crypto';
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { chunksOf } from '../../test/conformance/object-store.js';
import { mountingImpossible, smallDisk } from '../../test/support/small-disk.js';
import { temporaryFolder } from '../../test/support/temp-folder.js';
import { createLocalObjectStore } from './local-object-store.js';

const MIB = 1024 ** 2;
const limits = { maxBytes: 64 * MIB };

describe('local object store', () => {
  it('lays objects out by the first two bytes of their hash, readable by owner and group', async () => {
    const dataFolder = temporaryFolder();
    const store = createLocalObjectStore({ dataFolder, minFreeBytes: 0 });
    const staged = await store.stage(chunksOf(Buffer.from('abc'), 2), limits);
    // SHA-256 of "abc", FIPS 180-2 appendix B.1.
    const sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(staged.sha256).toBe(sha256);
    const key = await staged.commit();
    expect(key).toBe(`ba/78/${sha256}.dcm`);
    expect(store.path(key)).toBe(join(dataFolder, 'objects', key));
    expect((await stat(store.path(key))).mode & 0o777).toBe(0o640);
  });

  it('works with a relative data folder', async () => {
    const folder = temporaryFolder();
    const before = process.cwd();
    process.chdir(folder);
    try {
      const store = createLocalObjectStore({ dataFolder: './data', minFreeBytes: 0 });
      const key = await (await store.stage(chunksOf(randomBytes(5), 5), limits)).commit();
      expect((await stat(store.path(key))).size).toBe(5);
    } finally {
      process.chdir(before);
    }
  });

  it('leaves nothing in staging after a failure', async () => {
    const dataFolder = temporaryFolder();
    const store = createLocalObjectStore({ dataFolder, minFreeBytes: 0 });
    await expect(store.stage(chunksOf(randomBytes(9), 3), { maxBytes: 8 })).rejects.toThrow();
    await store.check();
    expect(await readdir(join(dataFolder, 'staging'))).toEqual([]);
  });

  it('removes what dead processes left in staging and spares what is being received', async () => {
    const dataFolder = temporaryFolder();
    const store = createLocalObjectStore({ dataFolder, minFreeBytes: 0 });
    expect(await store.removeStagedBefore(Infinity)).toBe(0);

    const fresh = await store.stage(chunksOf(randomBytes(9), 3), limits);
    const old = join(dataFolder, 'staging', 'old.part');
    await writeFile(old, 'half');
    await utimes(old, 1_000, 1_000);

    expect(await store.removeStagedBefore(2_000_000)).toBe(1);
    expect(await readdir(join(dataFolder, 'staging'))).toHaveLength(1);
    expect((await stat(store.path(await fresh.commit()))).size).toBe(9);
  });

  it('ignores files that are not objects when it lists its keys', async () => {
    const dataFolder = temporaryFolder();
    const store = createLocalObjectStore({ dataFolder, minFreeBytes: 0 });
    await mkdir(join(dataFolder, 'objects', 'ab', 'cd'), { recursive: true });
    await writeFile(join(dataFolder, 'objects', 'ab', 'cd', 'note.txt'), 'x');
    for await (const key of store.keys()) {
      expect.unreachable(key);
    }
  });

  it('is storage-full below the watermark', async () => {
    const store = createLocalObjectStore({
      dataFolder: temporaryFolder(),
      minFreeBytes: Number.MAX_SAFE_INTEGER,
    });
    await expect(store.check()).rejects.toMatchObject({ code: 'storage-full' });
    await expect(store.stage(chunksOf(randomBytes(9), 3), limits)).rejects.toMatchObject({
      code: 'storage-full',
    });
  });

  it('is storage-unavailable where the data folder cannot be made', async () => {
    const file = join(temporaryFolder(), 'file');
    await writeFile(file, '');
    const store = createLocalObjectStore({ dataFolder: join(file, 'data'), minFreeBytes: 0 });
    await expect(store.check()).rejects.toMatchObject({ code: 'storage-unavailable' });
    await expect(store.stage(chunksOf(randomBytes(9), 3), limits)).rejects.toMatchObject({
      code: 'storage-unavailable',
      context: { errno: 'ENOTDIR' },
    });
  });
});

const onRealDisk = mountingImpossible === undefined ? describe : describe.skip;
onRealDisk(`local object store on a small disk ${skipNote(mountingImpossible)}`, () => {
  it('is storage-full when the disk fills while an object is written, and recovers', async () => {
    const { folder } = smallDisk(4 * MIB);
    const store = createLocalObjectStore({ dataFolder: folder, minFreeBytes: 0 });
    const kept = await store.stage(chunksOf(randomBytes(MIB), 65_536), limits);
    await expect(store.stage(chunksOf(randomBytes(8 * MIB), 65_536), limits)).rejects.toMatchObject(
      { code: 'storage-full', context: { errno: 'ENOSPC' } },
    );

    expect((await stat(store.path(await kept.commit()))).size).toBe(MIB);
    const next = await store.stage(chunksOf(randomBytes(MIB), 65_536), limits);
    expect((await stat(store.path(await next.commit()))).size).toBe(MIB);
  });

  it('notices the watermark in the middle of a large object', async () => {
    const { folder } = smallDisk(128 * MIB);
    const store = createLocalObjectStore({ dataFolder: folder, minFreeBytes: 80 * MIB });
    const error: unknown = await store
      .stage(chunksOf(Buffer.alloc(100 * MIB), MIB), { maxBytes: 200 * MIB })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'storage-full' });
    expect(error).not.toMatchObject({ context: { errno: 'ENOSPC' } });
    expect((await store.check()).freeBytes).toBeGreaterThan(120 * MIB);
  });

  it('counts what was received since it has looked at the free space', async () => {
    const { folder } = smallDisk(16 * MIB);
    const minFreeBytes = 10 * MIB;
    const store = createLocalObjectStore({ dataFolder: folder, minFreeBytes });
    const storing = async (): Promise<void> => {
      for (let object = 0; object < 16; object += 1) {
        await (await store.stage(chunksOf(randomBytes(MIB), MIB), limits)).commit();
      }
    };
    await expect(storing()).rejects.toMatchObject({ code: 'storage-full' });
    // One object may begin when just enough is left.
    expect(await store.freeBytes()).toBeGreaterThanOrEqual(minFreeBytes - 2 * MIB);
  });

  it('is storage-unavailable when the file system has become read-only', async () => {
    const disk = smallDisk(4 * MIB);
    const store = createLocalObjectStore({ dataFolder: disk.folder, minFreeBytes: 0 });
    const staged = await store.stage(chunksOf(randomBytes(10), 10), limits);
    disk.makeReadOnly();
    const unavailable = { code: 'storage-unavailable' };
    await expect(staged.commit()).rejects.toMatchObject(unavailable);
    await staged.discard();
    await expect(store.check()).rejects.toMatchObject(unavailable);
    await expect(store.stage(chunksOf(randomBytes(9), 3), limits)).rejects.toMatchObject(
      unavailable,
    );
  });
});

function skipNote(reason: string | undefined): string {
  return reason === undefined ? '' : `[skipped: ${reason}]`;
}

import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { beforeEach, describe, expect, it } from 'vitest';

import { HEAD_BYTES, type ObjectStore } from '../../core/storage/object-store.js';

/** What every object store must do. `create` gives an empty one. */
export function describeObjectStore(name: string, create: () => Promise<ObjectStore>): void {
  describe(`object store: ${name}`, () => {
    let store: ObjectStore;

    beforeEach(async () => {
      store = await create();
    });

    it('gives back the bytes under the key of a committed object', async () => {
      const bytes = randomBytes(300_000);
      const staged = await store.stage(chunksOf(bytes, 7_001), { maxBytes: 300_000 });
      expect(staged.sizeBytes).toBe(300_000);
      expect(staged.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
      expect(await readFile(staged.path)).toEqual(bytes);

      const key = await staged.commit();
      expect(await readFile(store.path(key))).toEqual(bytes);
      expect(await keysOf(store)).toEqual([key]);
    });

    it('gives back an object of many megabytes that came in pieces of any size', async () => {
      const bytes = randomBytes(3_000_001);
      const staged = await store.stage(piecesOf(bytes), { maxBytes: bytes.length });
      expect((await readFile(store.path(await staged.commit()))).equals(bytes)).toBe(true);
    });

    it('keeps the first bytes at hand', async () => {
      const bytes = randomBytes(2 * HEAD_BYTES);
      for (const [sizeBytes, chunkBytes] of [
        [10, 4],
        [HEAD_BYTES, 7_001],
        [2 * HEAD_BYTES, 7_001],
        [2 * HEAD_BYTES, 2 * HEAD_BYTES],
      ] as const) {
        const all = bytes.subarray(0, sizeBytes);
        const { head } = await store.stage(chunksOf(all, chunkBytes), { maxBytes: sizeBytes });
        expect(all.subarray(0, HEAD_BYTES).equals(head)).toBe(true);
      }
    });

    it('stores an object of no bytes', async () => {
      const staged = await store.stage(chunksOf(Buffer.alloc(0), 1), { maxBytes: 10 });
      expect(staged.sizeBytes).toBe(0);
      expect(staged.head).toHaveLength(0);
      expect(await readFile(store.path(await staged.commit()))).toHaveLength(0);
    });

    it('stores the same bytes once, also when they come at the same time', async () => {
      const bytes = randomBytes(1_000);
      const staged = await Promise.all(
        Array.from({ length: 8 }, () => store.stage(chunksOf(bytes, 100), { maxBytes: 1_000 })),
      );
      const keys = await Promise.all(staged.map((object) => object.commit()));
      expect(new Set(keys).size).toBe(1);
      expect(await keysOf(store)).toEqual([keys[0]]);
      expect(await readFile(store.path(keys[0]!))).toEqual(bytes);
    });

    it('commits once however often it is asked', async () => {
      const staged = await store.stage(chunksOf(randomBytes(10), 10), { maxBytes: 10 });
      const [first, second] = await Promise.all([staged.commit(), staged.commit()]);
      expect(second).toBe(first);
      expect(await staged.commit()).toBe(first);
      await staged.discard();
      expect(await readFile(store.path(first))).toHaveLength(10);
    });

    it('forgets what is discarded', async () => {
      const staged = await store.stage(chunksOf(randomBytes(10), 10), { maxBytes: 10 });
      await staged.discard();
      await staged.discard();
      await expect(readFile(staged.path)).rejects.toThrow('ENOENT');
      expect(await keysOf(store)).toEqual([]);
    });

    it('accepts an object of exactly the limit and refuses one byte more', async () => {
      const staged = await store.stage(chunksOf(randomBytes(100), 30), { maxBytes: 100 });
      expect(staged.sizeBytes).toBe(100);
      await expect(
        store.stage(chunksOf(randomBytes(101), 30), { maxBytes: 100 }),
      ).rejects.toMatchObject({ code: 'payload-too-large' });
    });

    it('stops reading a source that exceeds the limit', async () => {
      let chunksRead = 0;
      let closed = false;
      async function* endless() {
        try {
          for (;;) {
            chunksRead += 1;
            yield await Promise.resolve(randomBytes(1_000));
          }
        } finally {
          closed = true;
        }
      }
      await expect(store.stage(endless(), { maxBytes: 5_000 })).rejects.toMatchObject({
        code: 'payload-too-large',
      });
      expect(chunksRead).toBe(6);
      expect(closed).toBe(true);
    });

    it('throws what the source throws, unchanged', async () => {
      const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
      async function* broken() {
        yield await Promise.resolve(randomBytes(10));
        throw reset;
      }
      await expect(store.stage(broken(), { maxBytes: 100 })).rejects.toBe(reset);
      expect(await keysOf(store)).toEqual([]);
    });

    it('removes an object, and is content when there is none', async () => {
      const staged = await store.stage(chunksOf(randomBytes(10), 10), { maxBytes: 10 });
      const key = await staged.commit();
      await store.remove(key);
      await store.remove(key);
      expect(await keysOf(store)).toEqual([]);
    });

    it('refuses keys that it did not make', () => {
      for (const key of ['', '../../etc/passwd', 'ab/cd/x.dcm', `ab/cd/../${'a'.repeat(64)}.dcm`]) {
        expect(() => store.path(key)).toThrow(RangeError);
      }
    });

    it('tells the free space', async () => {
      expect((await store.check()).freeBytes).toBeGreaterThan(0);
    });
  });
}

/** From one byte to far more than is written at once. */
async function* piecesOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (let size = 1; start < bytes.length; size = size > 1_000_000 ? 1 : size * 3) {
    yield bytes.subarray(start, start + size);
    start += size;
  }
  await Promise.resolve();
}

export async function* chunksOf(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += chunkBytes) {
    yield await Promise.resolve(bytes.subarray(start, start + chunkBytes));
  }
}

async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.keys()) {
    keys.push(key);
  }
  return keys;
}

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readWholeFile } from './read-whole-file.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-read-'));
});
afterAll(() => rm(folder, { recursive: true }));

const codeOf = (path: string, maxBytes = 1e6) =>
  readWholeFile(path, maxBytes).then(
    (bytes) => `${bytes.length} bytes`,
    (error: unknown) => (error as { code?: string }).code,
  );

describe('readWholeFile', () => {
  it('reads a file whole, also one of several reads', async () => {
    const bytes = Buffer.alloc(9 * 1024 * 1024, 'abc');
    await writeFile(join(folder, 'large'), bytes);
    expect(Buffer.compare(await readWholeFile(join(folder, 'large'), 1e8), bytes)).toBe(0);
  });

  it('gives a disk up that is too slow, for another attempt', async () => {
    await expect(readWholeFile(join(folder, 'large'), 1e8, 0)).rejects.toMatchObject({
      code: 'storage-unavailable',
    });
  });

  it('refuses by the size before it reads', async () => {
    await writeFile(join(folder, 'eleven'), 'eleven byte');
    expect(await codeOf(join(folder, 'eleven'), 10)).toBe('image-too-large');
    expect(await codeOf(join(folder, 'eleven'), 11)).toBe('11 bytes');
  });

  it('does not wait for a pipe that nobody writes to', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await symlink(pipe, join(folder, 'link'));
    expect(await codeOf(pipe)).toBe('file-unreadable');
    expect(await codeOf(join(folder, 'link'))).toBe('file-unreadable');
  });

  it('reads no devices and no folders', async () => {
    expect(await codeOf('/dev/zero')).toBe('file-unreadable');
    expect(await codeOf(folder)).toBe('file-unreadable');
    expect(await codeOf(join(folder, 'missing'))).toBe('file-unreadable');
  });

  it.skipIf(!existsSync('/proc/self/pagemap'))(
    'takes files that call themselves empty at their word, for some never end',
    async () => {
      expect(await codeOf('/proc/self/pagemap')).toBe('0 bytes');
      expect(await codeOf('/proc/self/maps')).toBe('0 bytes');
    },
  );
});

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openImageFile } from './image-file.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-read-'));
});
afterAll(() => rm(folder, { recursive: true }));

function readWhole(path: string, maxBytes = 1e6, timeLimitMs?: number): Uint8Array {
  const file = openImageFile(path, maxBytes, timeLimitMs);
  try {
    return file.readStart(file.sizeBytes).slice();
  } finally {
    file.close();
  }
}

function outcomeOf(path: string, maxBytes?: number): string | undefined {
  try {
    return `${readWhole(path, maxBytes).length} bytes`;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

describe('openImageFile', () => {
  it('reads a file whole, also one of several reads', async () => {
    const bytes = Buffer.alloc(9 * 1024 * 1024, 'abc');
    await writeFile(join(folder, 'large'), bytes);
    expect(Buffer.compare(readWhole(join(folder, 'large'), 1e8), bytes)).toBe(0);
  });

  it('gives the start, more of it, and any part', async () => {
    await writeFile(join(folder, 'letters'), 'abcdefghij');
    const file = openImageFile(join(folder, 'letters'), 100);
    expect(Buffer.from(file.readStart(3)).toString()).toBe('abc');
    expect(Buffer.from(file.readStart(1000)).toString()).toBe('abcdefghij');
    const part = new Uint8Array(4);
    file.readInto(part, 5);
    expect(Buffer.from(part).toString()).toBe('fghi');
    await writeFile(join(folder, 'letters'), 'abc');
    expect(() => {
      file.readInto(part, 5);
    }).toThrow(expect.objectContaining({ code: 'dicom-truncated' }));
    file.close();
  });

  it('gives a disk up that is too slow, for another attempt', () => {
    expect(() => readWhole(join(folder, 'large'), 1e8, -1)).toThrow(
      expect.objectContaining({ code: 'storage-unavailable' }),
    );
  });

  it('refuses by the size before it reads', async () => {
    await writeFile(join(folder, 'eleven'), 'eleven byte');
    expect(outcomeOf(join(folder, 'eleven'), 10)).toBe('image-too-large');
    expect(outcomeOf(join(folder, 'eleven'), 11)).toBe('11 bytes');
  });

  it('does not wait for a pipe that nobody writes to', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await symlink(pipe, join(folder, 'link'));
    expect(outcomeOf(pipe)).toBe('file-unreadable');
    expect(outcomeOf(join(folder, 'link'))).toBe('file-unreadable');
  });

  it('reads no devices and no folders', () => {
    expect(outcomeOf('/dev/zero')).toBe('file-unreadable');
    expect(outcomeOf(folder)).toBe('file-unreadable');
    expect(outcomeOf(join(folder, 'missing'))).toBe('file-unreadable');
  });

  it.skipIf(!existsSync('/proc/self/pagemap'))(
    'takes files that call themselves empty at their word, for some never end',
    () => {
      expect(outcomeOf('/proc/self/pagemap')).toBe('0 bytes');
      expect(outcomeOf('/proc/self/maps')).toBe('0 bytes');
    },
  );
});

import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { mountingImpossible, smallDisk } from '../../test/support/small-disk.js';
import { lockOutput } from './output-lock.js';

let folder: string;
let lock: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-lock-'));
  lock = join(folder, 'scores.csv.lock');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('an output is locked by one process at a time', async () => {
  const unlock = await lockOutput(lock);
  await expect(lockOutput(lock)).rejects.toMatchObject({
    code: 'request-invalid',
    message: expect.stringContaining(`process ${process.pid}`) as string,
  });
  await unlock();
  expect(existsSync(lock)).toBe(false);
  await (
    await lockOutput(lock)
  )();
});

test('the lock of a process that is gone does not count', async () => {
  const { pid } = spawnSync('true');
  await writeFile(lock, `${hostname()} ${pid}\n`);
  await (
    await lockOutput(lock)
  )();
});

test('the lock of another machine counts, for we cannot see its processes', async () => {
  await writeFile(lock, 'another-machine 1\n');
  await expect(lockOutput(lock)).rejects.toThrow('on another-machine');
});

test.skipIf(mountingImpossible)(
  `a full disk [${mountingImpossible ?? 'mounted'}] leaves no lock behind`,
  async () => {
    const disk = smallDisk(64 * 1024);
    expect(() => {
      writeFileSync(join(disk.folder, 'filler'), Buffer.alloc(1024 ** 2));
    }).toThrow('ENOSPC');
    const onDisk = join(disk.folder, 'scores.csv.lock');
    await expect(lockOutput(onDisk)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(existsSync(onDisk)).toBe(false);
  },
);

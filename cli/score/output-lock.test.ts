import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

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

import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { lockDataFolder } from '../../adapters/database/data-folder-lock.js';
import type { PipelineError } from '../../core/errors.js';
import { eventually } from '../support/eventually.js';
import { runScript } from '../support/script-process.js';
import { temporaryFolder } from '../support/temp-folder.js';

async function lockHere(folder: string, onLost: (error: PipelineError) => void = () => undefined) {
  const lock = await lockDataFolder(folder, onLost);
  onTestFinished(() => lock.release());
  return lock;
}

/** Another process that holds the folder. */
async function holder(folder: string) {
  const script = runScript('folder-holder', [folder]);
  expect((await script.lines.next()).value).toBe('locked');
  return script;
}

async function timed<T>(operation: Promise<T>): Promise<number> {
  const startMs = performance.now();
  await operation.catch(() => undefined);
  return performance.now() - startMs;
}

describe('lock of the data folder', () => {
  it('is refused at once while another process has it, with a message that helps', async () => {
    const folder = join(temporaryFolder(), 'new', 'data');
    const other = await holder(folder);
    const refused = lockDataFolder(folder, () => undefined);
    await expect(refused).rejects.toMatchObject({ code: 'data-folder-locked' });
    await expect(refused).rejects.toThrow(folder);
    await expect(refused).rejects.toThrow(`process ${other.pid}`);
    await expect(refused).rejects.toThrow('PREREAD_DATA_DIR');
  });

  it('is refused while its holder stands still', async () => {
    const folder = temporaryFolder();
    const other = await holder(folder);
    process.kill(other.pid, 'SIGSTOP');
    // Its heartbeat is older than that of a lock whose holder is gone.
    await utimes(join(folder, 'lock'), 1_000, 1_000);
    await expect(lockDataFolder(folder, () => undefined)).rejects.toMatchObject({
      code: 'data-folder-locked',
    });
  });

  it('is free at once when its holder has released it', async () => {
    const folder = temporaryFolder();
    const other = await holder(folder);
    await other.kill('SIGTERM');
    await lockHere(folder);
  });

  it('is free again when its holder was killed', async () => {
    const folder = temporaryFolder();
    const other = await holder(folder);
    await other.kill('SIGKILL');
    await lockHere(folder);
    expect(JSON.parse(await readFile(join(folder, 'owner.json'), 'utf8'))).toMatchObject({
      pid: process.pid,
    });
  });

  it('goes to one of two that start at the same time', async () => {
    const folder = temporaryFolder();
    const other = await holder(folder);
    await other.kill('SIGKILL');
    const attempts = await Promise.allSettled([
      lockHere(folder),
      lockHere(folder),
      lockHere(folder),
    ]);
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('is refused to the process that has it already, and can be taken again after release', async () => {
    const folder = temporaryFolder();
    const first = await lockHere(folder);
    await expect(lockDataFolder(folder, () => undefined)).rejects.toMatchObject({
      code: 'data-folder-locked',
    });
    await first.release();
    await first.release();
    expect(existsSync(join(folder, 'lock'))).toBe(false);
    await lockHere(folder);
  });

  it('waits for the heartbeat of a holder on another machine before it believes that it lives', async () => {
    const folder = temporaryFolder();
    await mkdir(join(folder, 'lock'));
    const owner = { pid: 1, host: 'another-machine', startTicks: '1', bootId: 'x' };
    await writeFile(join(folder, 'owner.json'), JSON.stringify(owner));
    // Nothing touches the lock any more: it is stale after five seconds.
    expect(await timed(lockHere(folder))).toBeGreaterThan(3_000);
    expect(JSON.parse(await readFile(join(folder, 'owner.json'), 'utf8'))).toMatchObject({
      pid: process.pid,
    });
  });

  it('is not fooled by a process that has got the number of the dead holder', async () => {
    const folder = temporaryFolder();
    const other = await holder(folder);
    const owner: unknown = JSON.parse(await readFile(join(folder, 'owner.json'), 'utf8'));
    await other.kill('SIGKILL');
    const reused = { ...(owner as object), pid: process.pid };
    await writeFile(join(folder, 'owner.json'), JSON.stringify(reused));
    await lockHere(folder);
  });

  it('tells its holder when somebody takes it away', async () => {
    const folder = temporaryFolder();
    const lost: PipelineError[] = [];
    await lockHere(folder, (error) => lost.push(error));
    await rm(join(folder, 'lock'), { recursive: true });
    await eventually(() => {
      expect(lost).toMatchObject([{ code: 'data-folder-locked' }]);
    });
  });

  it('says when the folder cannot be made', async () => {
    const file = join(temporaryFolder(), 'file');
    await writeFile(file, '');
    await expect(lockDataFolder(join(file, 'data'), () => undefined)).rejects.toMatchObject({
      code: 'storage-unavailable',
    });
  });
});

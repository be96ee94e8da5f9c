import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { openDatabase } from '../../adapters/database/open-database.js';
import { createStudyStore } from '../../adapters/database/study-store/study-store.js';
import { createLocalObjectStore } from '../../adapters/storage/local-object-store.js';
import { silentLogger } from '../../core/log.js';
import { runScript } from '../support/script-process.js';
import { temporaryFolder } from '../support/temp-folder.js';

const ROUNDS = 3;

/** Runs a writer until it is killed somewhere in the middle; what it has acknowledged. */
async function killedWriter(dataFolder: string): Promise<string[][]> {
  const writer = runScript('recording-writer', [dataFolder]);
  const acknowledged: string[][] = [];
  let killing: Promise<void> | undefined;
  for await (const line of writer.lines) {
    acknowledged.push(line.split(' '));
    killing ??= sleep(200 + Math.random() * 1_000).then(() => writer.kill('SIGKILL'));
  }
  await killing;
  return acknowledged;
}

describe('a writer that is killed in the middle of its work', () => {
  it('leaves nothing missing that it has acknowledged', async () => {
    const dataFolder = temporaryFolder();
    const acknowledged: string[][] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = acknowledged.length;
      acknowledged.push(...(await killedWriter(dataFolder)));
      expect(acknowledged.length).toBeGreaterThan(before);
    }

    const database = await openDatabase(
      { logger: silentLogger, clock: Date.now },
      { kind: 'embedded', dataFolder },
    );
    const store = createStudyStore({ pool: database.pool, clock: Date.now }, {});
    const objects = createLocalObjectStore({ dataFolder, minFreeBytes: 0 });
    const jobs = await store.claimJobs(1_000_000, Date.now() + 60_000);
    const toInfer = new Set(
      jobs.flatMap((job) => (job.name === 'infer' ? [job.payload.instanceId] : [])),
    );

    await Promise.all(
      acknowledged.map(async ([instanceId = '', objectKey = '']) => {
        const instance = await store.loadInstance(instanceId);
        expect(instance).toMatchObject({ objectKey });
        expect(toInfer).toContain(instanceId);
        const bytes = await readFile(objects.path(objectKey));
        expect(createHash('sha256').update(bytes).digest('hex')).toBe(instance?.sha256);
      }),
    );
    // Objects without an instance are those whose writer was killed before it could acknowledge them.
    const keys: string[] = [];
    for await (const key of objects.keys()) {
      keys.push(key);
    }
    const orphans = new Set(await store.unknownObjectKeys(keys));
    expect(orphans.size).toBeLessThanOrEqual(4 * ROUNDS);
    expect(acknowledged.filter(([, objectKey = '']) => orphans.has(objectKey))).toEqual([]);
    expect(await objects.removeStagedBefore(Infinity)).toBeLessThanOrEqual(4 * ROUNDS);
    await database.close();
  });
});

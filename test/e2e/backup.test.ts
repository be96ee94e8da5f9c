import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { demoStudies, type DemoStudy } from '../../scripts/phantom/demo-studies.js';
import { eventually } from '../support/eventually.js';
import { describeWithPeer } from '../support/peers.js';
import { startPostgres, type PostgresServer } from '../support/postgres-server.js';
import { startServe } from '../support/preread-process.js';
import { stow } from '../support/stow.js';
import { readyResult } from '../support/study-api.js';
import { temporaryFolder } from '../support/temp-folder.js';

const COMMON = { PREREAD_MIN_FREE_BYTES: '0', PREREAD_INFERENCE_PROCESSES: '1' };

/** The commands of docs/operations/backup.md, in its order. */
describe('a backup of the embedded set-up', () => {
  it('is a copy of the stopped data folder', async () => {
    const [first, second] = await studies('backup-embedded');
    const folder = join(temporaryFolder(), 'data');
    const serve = await startServe({ ...COMMON, PREREAD_DATA_DIR: folder });
    const before = await sendAndWait(serve.url, first!);
    expect(await serve.stop()).toBe(0);
    const copy = join(temporaryFolder(), 'restored');
    execFileSync('cp', ['-a', folder, copy]);

    const restored = await startServe({ ...COMMON, PREREAD_DATA_DIR: copy });
    try {
      expect(await readyResult(restored.url, first!.StudyInstanceUID)).toEqual(before);
      await sendAndWait(restored.url, second!);
    } finally {
      await restored.stop();
    }
  });

  it('is rebuilt from the images alone when nothing else is left', async () => {
    const [first] = await studies('backup-objects');
    const folder = join(temporaryFolder(), 'data');
    const serve = await startServe({ ...COMMON, PREREAD_DATA_DIR: folder });
    await sendAndWait(serve.url, first!);
    // While it runs: an object never changes.
    const copy = join(temporaryFolder(), 'restored');
    cpSync(join(folder, 'objects'), join(copy, 'objects'), { recursive: true });
    await serve.stop();

    const restored = await startServe({ ...COMMON, PREREAD_DATA_DIR: copy });
    try {
      await waitForResult(restored.url, first!);
    } finally {
      await restored.stop();
    }
  });
});

describeWithPeer('postgres', 'a backup of the production set-up', (peer) => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgres(peer);
  });
  afterAll(() => postgres.stop());

  it('is a dump of the database and then a copy of the images, while everything runs', async () => {
    const [first, second] = await studies('backup-postgres');
    const folder = join(temporaryFolder(), 'data');
    const DATABASE_URL = await postgres.createDatabase();
    const serve = await startServe({ ...COMMON, PREREAD_DATA_DIR: folder, DATABASE_URL });
    const before = await sendAndWait(serve.url, first!);
    const dump = join(temporaryFolder(), 'preread.dump');
    execFileSync(peer.program('pg_dump'), ['--format=custom', `--file=${dump}`, DATABASE_URL]);
    // Came between the two: it is among the images and not in the dump.
    await sendAndWait(serve.url, second!);
    const copy = join(temporaryFolder(), 'restored');
    execFileSync('mkdir', [copy]);
    execFileSync('cp', ['-a', join(folder, 'objects'), join(copy, 'objects')]);
    await serve.stop();

    const restoredUrl = await postgres.createDatabase();
    execFileSync(peer.program('pg_restore'), ['--no-owner', `--dbname=${restoredUrl}`, dump]);
    const restored = await startServe({
      ...COMMON,
      PREREAD_DATA_DIR: copy,
      DATABASE_URL: restoredUrl,
    });
    try {
      expect(await readyResult(restored.url, first!.StudyInstanceUID)).toEqual(before);
      await waitForResult(restored.url, second!);
    } finally {
      await restored.stop();
    }
  });
});

async function studies(seed: string): Promise<DemoStudy[]> {
  const all = [];
  for await (const study of demoStudies({ seed, count: 2, Rows: 256, Columns: 256 })) {
    all.push(study);
  }
  return all;
}

async function sendAndWait(url: string, study: DemoStudy) {
  const files = study.instances.map(({ bytes }) => bytes);
  expect((await stow(url, files)).status).toBe(200);
  return waitForResult(url, study);
}

function waitForResult(url: string, { StudyInstanceUID, instances }: DemoStudy) {
  return eventually(
    async () => {
      const result = await readyResult(url, StudyInstanceUID);
      expect(result?.instances).toHaveLength(instances.length);
      return result;
    },
    { timeoutMs: 120_000, intervalMs: 100 },
  );
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { createChestImages } from '../chaos/chest-images.js';
import { eventually } from '../support/eventually.js';
import { describeWithPeer } from '../support/peers.js';
import { startPostgres } from '../support/postgres-server.js';
import { runPreread, startServe } from '../support/preread-process.js';
import { startRedis } from '../support/redis-server.js';
import { stow } from '../support/stow.js';
import { tinyModel, writeModelFolder } from '../support/tiny-model.js';

const folder = mkdtempSync(join(tmpdir(), 'preread-board-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

describe('the page of the queues', () => {
  it('shows jobs of the embedded default', async () => {
    await lookAtBoard({});
  });

  describeWithPeer('postgres', 'with PostgreSQL', (postgresPeer) => {
    describeWithPeer('redis', 'and Redis', (redisPeer) => {
      it('shows jobs of Redis', async () => {
        const postgres = await startPostgres(postgresPeer);
        const redis = await startRedis(redisPeer);
        try {
          await lookAtBoard({
            DATABASE_URL: await postgres.createDatabase(),
            REDIS_URL: redis.url,
          });
        } finally {
          await redis.stop();
          await postgres.stop();
        }
      });
    });
  });
});

/** As an administrator, as somebody with a lesser key, and as somebody who wants to change something. */
async function lookAtBoard(backend: Readonly<Record<string, string>>): Promise<void> {
  const env = {
    ...backend,
    PREREAD_DATA_DIR: mkdtempSync(join(folder, 'data-')),
    PREREAD_MODEL: await writeModelFolder(mkdtempSync(join(folder, 'model-')), tinyModel()),
    PREREAD_MIN_FREE_BYTES: '0',
    PREREAD_INFERENCE_PROCESSES: '1',
  };
  const serve = await startServe(env);
  try {
    const admin = { Authorization: `Bearer ${await createKey(env, 'admin')}` };
    const reader = { Authorization: `Bearer ${await createKey(env, 'read')}` };
    const image = createChestImages('board')(1, 0, false);
    expect((await stow(serve.url, [image.bytes])).status).toBe(200);
    const board = `${serve.url}/admin/queues`;

    expect((await fetch(board, { headers: reader })).status).toBe(403);
    expect((await fetch(board, { headers: { Authorization: 'Bearer prk_x' } })).status).toBe(401);
    const page = await fetch(board, { headers: admin });
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('preread queues');

    const listing = `${board}/api/queues?activeQueue=preread-infer&status=completed&page=1&jobsPerPage=10`;
    const text = await eventually(async () => {
      const answer = await (await fetch(listing, { headers: admin })).text();
      expect(answer).toMatch(/"instanceId":"[0-9a-f-]{36}"/);
      return answer;
    });
    for (const secret of [image.StudyInstanceUID, image.SOPInstanceUID, 'Phantom', 'CHAOS-1']) {
      expect(text).not.toContain(secret);
    }
    const clean = `${board}/api/queues/preread-infer/clean/completed`;
    const changed = await fetch(clean, { method: 'PUT', headers: admin });
    expect(changed.status).toBe(405);
    expect(await (await fetch(listing, { headers: admin })).text()).toContain('"instanceId"');
  } finally {
    await serve.stop();
  }
}

async function createKey(env: Readonly<Record<string, string>>, scope: string): Promise<string> {
  const args = ['keys', 'create', '--name', `board-${scope}`, '--scope', scope];
  const { output } = await runPreread(args, env);
  const key = /prk_\S+/.exec(output)?.[0];
  if (key === undefined) {
    throw new Error(output);
  }
  return key;
}

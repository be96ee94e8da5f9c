import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { createChestImages } from '../chaos/chest-images.js';
import { describeWithPeer } from '../support/peers.js';
import { startPostgres, type PostgresServer } from '../support/postgres-server.js';
import { startServe, type PrereadProcess } from '../support/preread-process.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { stow } from '../support/stow.js';
import { tinyModel, writeModelFolder } from '../support/tiny-model.js';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

/** The least that must come from each phase, so that each is seen under load. */
const STUDIES_OF_A_PHASE = 12;

describeWithPeer('postgres', 'a roll-out of a model', (postgresPeer) => {
  describeWithPeer('redis', 'over PostgreSQL and Redis', (redisPeer) => {
    const root = mkdtempSync(join(tmpdir(), 'preread-roll-out-'));
    const newFolder = () => mkdtempSync(join(root, 'folder-'));
    let postgres: PostgresServer;
    let redis: RedisServer;
    let receiver: WebhookReceiver;
    let env: Record<string, string>;
    let oldModel: string;
    let newModel: string;
    let front: PrereadProcess;
    const workers: PrereadProcess[] = [];

    beforeAll(async () => {
      postgres = await startPostgres(postgresPeer);
      redis = await startRedis(redisPeer);
      receiver = await startWebhookReceiver();
      oldModel = await writeModelFolder(newFolder(), tinyModel());
      newModel = await writeModelFolder(newFolder(), tinyModel({ version: '1.1.0' }));
      env = {
        DATABASE_URL: await postgres.createDatabase(),
        REDIS_URL: redis.url,
        PREREAD_DATA_DIR: newFolder(),
        PREREAD_WEBHOOK_URL: receiver.url,
        PREREAD_WEBHOOK_SECRET: receiver.secret,
        PREREAD_WEBHOOK_BODY: 'full',
        PREREAD_MIN_FREE_BYTES: '0',
        PREREAD_INFERENCE_PROCESSES: '1',
      };
      front = await startServe(env, ['--role', 'ingest,assemble,delivery']);
    });
    afterAll(async () => {
      for (const process of [...workers, front]) {
        await process.stop();
      }
      await receiver.close();
      await redis.stop();
      await postgres.stop();
      rmSync(root, { recursive: true, force: true, maxRetries: 5 });
    });

    async function startWorker(model: string): Promise<PrereadProcess> {
      const worker = await startServe({ ...env, PREREAD_MODEL: model }, ['--role', 'inference']);
      workers.push(worker);
      return worker;
    }

    it('restarts one worker after the other under load: nothing is lost, and each result names its model', async () => {
      const imageOf = createChestImages('roll-out');
      const sent: string[] = [];
      const load = { stop: false };
      async function send(): Promise<void> {
        while (!load.stop) {
          const { bytes, StudyInstanceUID } = imageOf(sent.length, 0, false);
          expect((await stow(front.url, [bytes])).status).toBe(200);
          sent.push(StudyInstanceUID);
          // The senders go no faster than the slowest machine of a test run can follow.
          await receiver.until(() => receiver.received.length >= sent.length - 10, 'results');
        }
      }
      async function phase(): Promise<void> {
        const atStart = receiver.received.length;
        const enough = () => receiver.received.length >= atStart + STUDIES_OF_A_PHASE;
        await receiver.until(enough, 'results of a phase');
      }

      const first = await startWorker(oldModel);
      const second = await startWorker(oldModel);
      const sending = send();
      await phase();
      expect(await first.stop()).toBe(0);
      await phase();
      await startWorker(newModel);
      await phase();
      expect(await second.stop()).toBe(0);
      const afterTheLastOldOne = sent.length;
      await startWorker(newModel);
      await phase();
      load.stop = true;
      await sending;
      await receiver.until(() => receiver.received.length >= sent.length, 'the last results');

      const versions = new Map<string, string>();
      for (const { message } of receiver.received) {
        const { StudyInstanceUID, resultVersion, instances } = message.data;
        expect(resultVersion).toBe(1);
        expect(versions.has(StudyInstanceUID)).toBe(false);
        const [instance] = instances;
        expect(instance?.outcome.kind).toBe('scored');
        versions.set(
          StudyInstanceUID,
          instance?.outcome.kind === 'scored' ? instance.outcome.model.version : '',
        );
      }
      expect([...versions.keys()].sort()).toEqual([...sent].sort());
      expect(new Set(versions.values())).toEqual(new Set(['1.0.0', '1.1.0']));
      const late = sent.slice(afterTheLastOldOne).map((uid) => versions.get(uid));
      expect(new Set(late)).toEqual(new Set(['1.1.0']));
    });
  });
});

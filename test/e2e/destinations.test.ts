import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { newChest } from '../support/chest-sender.js';
import { eventually } from '../support/eventually.js';
import { describeWithPeer } from '../support/peers.js';
import { startPostgres, type PostgresServer } from '../support/postgres-server.js';
import { runPreread, startServe, type PrereadProcess } from '../support/preread-process.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { stow } from '../support/stow.js';
import { fetchStudy } from '../support/study-api.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { tinyModel, writeModelFolder } from '../support/tiny-model.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';

async function commonEnv(): Promise<Record<string, string>> {
  return {
    PREREAD_DATA_DIR: temporaryFolder(),
    PREREAD_MODEL: await writeModelFolder(temporaryFolder(), tinyModel()),
    PREREAD_MIN_FREE_BYTES: '0',
    PREREAD_INFERENCE_PROCESSES: '1',
    PREREAD_LOG_FORMAT: 'json',
  };
}

function webhookText(url: string, secret = 'env:PREREAD_SECRET_HOOK'): string {
  return `kind: webhook\nurl: ${url}\nsecrets: [${secret}]\nbody: full\n`;
}

/** A file for `preread destinations set`. */
function fileOf(text: string): string {
  const file = join(temporaryFolder(), 'destination.yaml');
  writeFileSync(file, text);
  return file;
}

/** Deliveries of a study of one new image, once it has its result. */
async function deliveriesOfNewStudy(url: string) {
  const { StudyInstanceUID, bytes } = newChest();
  expect((await stow(url, [bytes])).status).toBe(200);
  const { deliveries } = await eventually(
    async () => {
      const found = await fetchStudy(url, StudyInstanceUID);
      expect(found?.study.state).toBe('ready');
      return found!;
    },
    { timeoutMs: 60_000 },
  );
  return { StudyInstanceUID, destinations: deliveries.map(({ destination }) => destination) };
}

async function lastDelivery(url: string, StudyInstanceUID: string) {
  return (await fetchStudy(url, StudyInstanceUID))?.deliveries.at(-1);
}

function commands(serve: PrereadProcess) {
  return async (...args: string[]) => {
    const { exitCode, output } = await runPreread([...args, '--server', serve.url]);
    return `${exitCode}: ${output.trim()}`;
  };
}

describe('a destination that is set while preread runs', () => {
  it('gets results from then on, also after a restart, until it is removed', async () => {
    let answer = 204;
    const receiver = await startWebhookReceiver({ answer: () => answer });
    const env = { ...(await commonEnv()), PREREAD_SECRET_HOOK: receiver.secret };
    let serve = await startServe(env);
    let preread = commands(serve);
    try {
      expect(serve.output()).toMatch(/no destination is set/);
      expect((await deliveriesOfNewStudy(serve.url)).destinations).toEqual([]);
      const file = fileOf(webhookText(receiver.url));
      expect(await preread('destinations', 'set', 'ris', '--file', file)).toMatch(
        /^0: ris is set: webhook to http:\/\/127\.0\.0\.1:\d+$/,
      );
      expect((await deliveriesOfNewStudy(serve.url)).destinations).toEqual(['ris']);
      await receiver.until(() => receiver.received.length === 1, 'the first result');

      await serve.stop();
      serve = await startServe(env);
      preread = commands(serve);
      expect(await preread('destinations', 'list')).toMatch(/ris +webhook .* api +open$/);
      const list = fileOf(JSON.stringify({ destinations: [{ name: 'emr', kind: 'fax' }] }));
      expect(await preread('destinations', 'set', 'emr', '--file', list)).toMatch(/^1: .*kind: /);
      expect(await preread('destinations', 'set', 'pacs', '--file', list)).toMatch(
        /has no destination named pacs/,
      );
      expect(JSON.parse((await preread('destinations', 'show', 'ris')).slice(3))).toMatchObject({
        source: 'api',
        definition: { secrets: ['env:PREREAD_SECRET_HOOK'] },
      });
      await deliveriesOfNewStudy(serve.url);
      await receiver.until(() => receiver.received.length === 2, 'the second result');

      // What waits when it is removed is given up, and not lost.
      answer = 503;
      const waiting = await deliveriesOfNewStudy(serve.url);
      await eventually(async () => {
        expect(await lastDelivery(serve.url, waiting.StudyInstanceUID)).toMatchObject({
          state: 'pending',
          attempts: 1,
        });
      });
      expect(await preread('destinations', 'remove', 'ris')).toBe('0: ris is removed');
      expect(await preread('destinations', 'remove', 'ris')).toMatch(/^1: .*not-found/);
      answer = 204;
      expect((await deliveriesOfNewStudy(serve.url)).destinations).toEqual([]);
      await preread('deliveries', 'replay', '--all', '--waiting');
      const dead = await eventually(async () => {
        const delivery = await lastDelivery(serve.url, waiting.StudyInstanceUID);
        expect(delivery?.state).toBe('dead');
        return delivery!;
      });
      expect(dead.lastError).toMatch(/no longer set/);
      expect(receiver.received).toHaveLength(2);

      await preread('destinations', 'set', 'ris', '--file', file);
      expect(await preread('deliveries', 'replay', dead.id)).toBe('0: 1 replayed');
      await receiver.until(() => receiver.received.length === 3, 'the result that was given up');
    } finally {
      await serve.stop();
      await receiver.close();
    }
  });
});

it('destinations that are set while preread runs, and hang, slow no other', async () => {
  const receiver = await startWebhookReceiver();
  let asked = 0;
  const silent = createServer(() => {
    asked += 1;
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const serve = await startServe({
    ...(await commonEnv()),
    PREREAD_SECRET_HOOK: receiver.secret,
  });
  const preread = commands(serve);
  const hanging = `${webhookText(`http://127.0.0.1:${port}/`)}timeoutSeconds: 600\nconcurrency: 8\n`;
  try {
    // It comes first in the queue, and fills all its places.
    await preread('destinations', 'set', 'hanging', '--file', fileOf(hanging));
    const file = fileOf(webhookText(receiver.url));
    await preread('destinations', 'set', 'ris', '--file', file);
    const studies = [];
    for (let study = 0; study < 10; study += 1) {
      studies.push(await deliveriesOfNewStudy(serve.url));
    }
    await receiver.until(() => receiver.received.length === studies.length, 'all results');
    await eventually(() => {
      expect(asked).toBe(8);
    });
    for (const { StudyInstanceUID } of studies) {
      const { deliveries = [] } = (await fetchStudy(serve.url, StudyInstanceUID)) ?? {};
      expect(deliveries.find(({ destination }) => destination === 'hanging')).toMatchObject({
        state: 'pending',
        attempts: 0,
      });
    }
  } finally {
    // It would wait for what hangs.
    await serve.kill();
    silent.closeAllConnections();
    silent.close();
    await receiver.close();
  }
});

describeWithPeer('postgres', 'in processes of their own', (postgresPeer) => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgres(postgresPeer);
  });
  afterAll(() => postgres.stop());

  describeWithPeer('redis', 'with Redis', (redisPeer) => {
    let redis: RedisServer;
    beforeAll(async () => {
      redis = await startRedis(redisPeer);
    });
    afterAll(() => redis.stop());

    it('those that make deliveries and those that send them take up a destination, and its end', async () => {
      const receiver = await startWebhookReceiver();
      const env = {
        ...(await commonEnv()),
        DATABASE_URL: await postgres.createDatabase(),
        REDIS_URL: redis.url,
      };
      // The secret is with the process that sends, and nowhere else.
      const sending = { ...env, PREREAD_SECRET_HOOK: receiver.secret };
      const processes = [
        await startServe(env, ['--role', 'ingest', '--role', 'inference']),
        await startServe(env, ['--role', 'assemble']),
        await startServe(sending, ['--role', 'delivery']),
      ];
      const [{ url }, , sender] = processes as [PrereadProcess, PrereadProcess, PrereadProcess];
      const preread = commands(processes[0]!);
      try {
        await preread('destinations', 'set', 'ris', '--file', fileOf(webhookText(receiver.url)));
        await eventually(async () => {
          expect((await deliveriesOfNewStudy(url)).destinations).toEqual(['ris']);
        });
        await receiver.until(() => receiver.received.length > 0, 'the result');

        // A secret that the sender does not have: the delivery waits and says so.
        const file = fileOf(webhookText(receiver.url, 'env:PREREAD_SECRET_ABSENT'));
        await preread('destinations', 'set', 'ris', '--file', file);
        const waiting = await eventually(async () => {
          const { StudyInstanceUID } = await deliveriesOfNewStudy(url);
          const delivery = await eventually(async () => {
            const found = await lastDelivery(url, StudyInstanceUID);
            expect(found?.attempts).toBe(1);
            return found!;
          });
          expect(delivery).toMatchObject({ state: 'pending' });
          return delivery;
        });
        expect(waiting.lastError).toMatch(
          /delivery-unconfigured: secrets\[0\]: the environment variable PREREAD_SECRET_ABSENT/,
        );
        expect(sender.output()).toContain('this process cannot send to a destination');

        const before = receiver.received.length;
        await preread('destinations', 'set', 'ris', '--file', fileOf(webhookText(receiver.url)));
        await eventually(async () => {
          await preread('deliveries', 'replay', waiting.id);
          expect(receiver.received.length).toBeGreaterThan(before);
        });

        await preread('destinations', 'remove', 'ris');
        await eventually(async () => {
          expect((await deliveriesOfNewStudy(url)).destinations).toEqual([]);
        });
      } finally {
        for (const process of processes.reverse()) {
          await process.stop();
        }
        await receiver.close();
      }
    });
  });
});

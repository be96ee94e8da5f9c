import { beforeAll, afterAll, describe, expect, it } from 'vitest';

import { demoStudies, type DemoStudy } from '../../scripts/phantom/demo-studies.js';
import { startPostgres, type PostgresServer } from '../support/postgres-server.js';
import { eventually } from '../support/eventually.js';
import { describeWithPeer } from '../support/peers.js';
import { startServe, type PrereadProcess } from '../support/preread-process.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { stow } from '../support/stow.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';

describeWithPeer('postgres', 'roles in processes of their own', (postgresPeer) => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgres(postgresPeer);
  });
  afterAll(() => postgres.stop());

  it('work together over PostgreSQL alone', async () => {
    await throughRoles({ DATABASE_URL: await postgres.createDatabase() });
  });

  describeWithPeer('redis', 'with Redis', (redisPeer) => {
    let redis: RedisServer;
    beforeAll(async () => {
      redis = await startRedis(redisPeer);
    });
    afterAll(() => redis.stop());

    it('work together over PostgreSQL and Redis', async () => {
      await throughRoles({ DATABASE_URL: await postgres.createDatabase(), REDIS_URL: redis.url });
    });

    it('acknowledge and keep studies while Redis is down, and catch up', async () => {
      const env = { DATABASE_URL: await postgres.createDatabase(), REDIS_URL: redis.url };
      await withPipeline(env, [[]], async ([serve], receiver) => {
        await redis.kill();
        const studies = await studiesOf('redis-down');
        for (const study of studies) {
          expect(await send(serve!, study)).toBe(200);
        }
        const ready = await fetch(`${serve!.url}/readyz`);
        expect(ready.status).toBe(200);
        expect(await ready.json()).toMatchObject({ status: 'degraded' });
        await redis.restart();
        await receiver.until(() => receiver.received.length >= studies.length, 'the results');
      });
    });

    it('end when they are asked to while Redis is down', async () => {
      const env = { DATABASE_URL: await postgres.createDatabase(), REDIS_URL: redis.url };
      await withPipeline(env, [[]], async ([serve]) => {
        await redis.kill();
        try {
          expect(await serve!.stop()).toBe(0);
        } finally {
          await redis.restart();
        }
      });
    });

    it('carry on after the inference process of a worker machine is killed', async () => {
      const env = { DATABASE_URL: await postgres.createDatabase(), REDIS_URL: redis.url };
      const roles = [['ingest', 'assemble', 'delivery'], ['inference']];
      await withPipeline(env, roles, async ([front, worker], receiver) => {
        const studies = await studiesOf('worker-killed');
        await worker!.kill();
        for (const study of studies) {
          expect(await send(front!, study)).toBe(200);
        }
        expect(receiver.received).toHaveLength(0);
        const successor = await startServe(worker!.env, ['--role', 'inference']);
        try {
          await receiver.until(() => receiver.received.length >= studies.length, 'the results');
        } finally {
          await successor.stop();
        }
      });
    });

    it('give no outcome to an object that one worker machine does not see', async () => {
      const env = { DATABASE_URL: await postgres.createDatabase(), REDIS_URL: redis.url };
      await withPipeline(env, [['ingest', 'assemble', 'delivery']], async ([front], receiver) => {
        const elsewhere = { ...front!.env, PREREAD_DATA_DIR: temporaryFolder() };
        const blind = await startServe(elsewhere, ['--role', 'inference']);
        const [study] = await studiesOf('not-mounted');
        expect(await send(front!, study!)).toBe(200);
        await eventually(() => {
          expect(blind.output()).toMatch(/storage-unavailable/);
        });
        expect(receiver.received).toHaveLength(0);
        await blind.stop();
        const worker = await startServe(front!.env, ['--role', 'inference']);
        try {
          await receiver.until(() => receiver.received.length >= 1, 'the result');
          expect(receiver.received[0]!.message.data.analysed).toBe(true);
        } finally {
          await worker.stop();
        }
      });
    });
  });
});

describe('a role without a shared database', () => {
  it('is refused with the reason', async () => {
    const env = { PREREAD_DATA_DIR: temporaryFolder() };
    await expect(startServe(env, ['--role', 'ingest'])).rejects.toThrow(/set DATABASE_URL/);
  });
});

async function throughRoles(env: Readonly<Record<string, string>>): Promise<void> {
  const roles = [['ingest'], ['inference'], ['assemble'], ['delivery']];
  await withPipeline(env, roles, async ([ingest, inference], receiver) => {
    expect((await fetch(`${inference!.url}/readyz`)).status).toBe(200);
    const studies = await studiesOf('roles');
    for (const study of studies) {
      expect(await send(ingest!, study)).toBe(200);
    }
    await receiver.until(() => receiver.received.length >= studies.length, 'the results');
    for (const { message } of receiver.received) {
      expect(message.data.instances.length).toBeGreaterThan(0);
    }
  });
}

async function withPipeline(
  env: Readonly<Record<string, string>>,
  roles: readonly (readonly string[])[],
  use: (
    processes: readonly PrereadProcess[],
    receiver: Awaited<ReturnType<typeof startWebhookReceiver>>,
  ) => Promise<void>,
): Promise<void> {
  const receiver = await startWebhookReceiver();
  const shared = {
    ...env,
    PREREAD_DATA_DIR: temporaryFolder(),
    PREREAD_WEBHOOK_URL: receiver.url,
    PREREAD_WEBHOOK_SECRET: receiver.secret,
    PREREAD_WEBHOOK_BODY: 'full',
    PREREAD_MIN_FREE_BYTES: '0',
    PREREAD_INFERENCE_PROCESSES: '1',
  };
  const processes: PrereadProcess[] = [];
  try {
    for (const names of roles) {
      const args = names.flatMap((name) => ['--role', name]);
      processes.push(await startServe(shared, args));
    }
    await use(processes, receiver);
  } finally {
    for (const process of processes.reverse()) {
      await process.stop();
    }
    await receiver.close();
  }
}

async function studiesOf(seed: string): Promise<DemoStudy[]> {
  const studies = [];
  for await (const study of demoStudies({ seed, count: 2, Rows: 256, Columns: 256 })) {
    studies.push(study);
  }
  return studies;
}

async function send(process: PrereadProcess, study: DemoStudy): Promise<number> {
  const { status } = await stow(
    process.url,
    study.instances.map(({ bytes }) => bytes),
  );
  return status;
}

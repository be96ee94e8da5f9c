import { createServer, connect, type AddressInfo, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';

import type { JobQueue } from '../../core/jobs/job-queue.js';
import type { Logger } from '../../core/log.js';
import { silentLogger } from '../../core/log.js';
import { eventually } from '../support/eventually.js';
import { describeWithPeer } from '../support/peers.js';
import { createTestQueue, newPrefix } from '../support/queue-bed.js';
import { inferJob } from '../support/queue-suite.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';

const JOBS = 12;
/** A worker that asks again at once asks 2,000 times a second. */
const WATCHED_MS = 2_000;
const FEW = 60;

interface Refusal {
  readonly name: string;
  readonly reason: string;
  readonly begin: (redis: Redis) => Promise<unknown>;
  readonly end: (redis: Redis) => Promise<unknown>;
}

const REFUSALS: readonly Refusal[] = [
  {
    name: 'has become a replica',
    reason: 'READONLY',
    // Nobody listens there: it stays what it has.
    begin: (redis) => redis.replicaof('127.0.0.1', 1),
    end: (redis) => redis.replicaof('NO', 'ONE'),
  },
  {
    name: 'has no memory left',
    reason: 'OOM',
    begin: (redis) => redis.config('SET', 'maxmemory', '1'),
    end: (redis) => redis.config('SET', 'maxmemory', '0'),
  },
];

describeWithPeer('redis', 'a Redis that refuses', (peer) => {
  let server: RedisServer;
  let redis: Redis;
  let prefix: string;
  let queues: JobQueue[];

  beforeAll(async () => {
    server = await startRedis(peer);
    redis = new Redis(server.url);
  });
  beforeEach(() => {
    prefix = newPrefix();
    queues = [];
  });
  afterEach(() => Promise.all(queues.map((queue) => queue.close())));
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  function openQueue(logger: Logger): JobQueue {
    const queue = createTestQueue({ kind: 'redis', url: server.url }, prefix, { logger });
    queues.push(queue);
    return queue;
  }

  /** Scripts and waits, of which Redis has refused all or some. */
  async function refusedOrNot(): Promise<number> {
    const info = await redis.info('commandstats');
    const counts = info.matchAll(/cmdstat_(?:evalsha|bzpopmin):calls=(\d+).*rejected_calls=(\d+)/g);
    return [...counts].reduce(
      (sum, [, calls, rejected]) => sum + Number(calls) + Number(rejected),
      0,
    );
  }

  test.each(REFUSALS)('that $name is asked now and then, and nothing is lost', async (refusal) => {
    const told: string[] = [];
    const logger: Logger = {
      ...silentLogger,
      warn: (fields) => told.push(String(fields['reason'])),
      info: (_fields, message) => told.push(message),
    };
    await openQueue(silentLogger).enqueue(Array.from({ length: JOBS }, () => inferJob()));
    const done = new Set<string>();
    await refusal.begin(redis);
    try {
      await openQueue(logger).work(
        'infer',
        ({ instanceId }) => {
          done.add(instanceId);
          return Promise.resolve();
        },
        { concurrency: 4 },
      );
      await eventually(() => {
        expect(told).toHaveLength(1);
      });
      const before = await refusedOrNot();
      await sleep(WATCHED_MS);
      expect((await refusedOrNot()) - before).toBeLessThan(FEW);
      expect(told).toEqual([expect.stringContaining(refusal.reason)]);
    } finally {
      await refusal.end(redis);
    }
    await eventually(() => {
      expect(done.size).toBe(JOBS);
    });
    await eventually(() => {
      expect(told.slice(1)).toEqual(['jobs are taken from the queue again']);
    });
  });
});

describeWithPeer('redis', 'a failover behind one address', (peer) => {
  test('is followed, though the old server keeps its connections', async () => {
    const [first, second] = [await startRedis(peer), await startRedis(peer)];
    const clients = [new Redis(first.url), new Redis(second.url)] as const;
    const address = await openAddress(portOf(first));
    const queues: JobQueue[] = [];
    onTestFinished(async () => {
      await Promise.all(queues.map((queue) => queue.close()));
      clients.forEach((client) => {
        client.disconnect();
      });
      address.close();
      await Promise.all([first.stop(), second.stop()]);
    });
    const prefix = newPrefix();
    const open = () => {
      const queue = createTestQueue({ kind: 'redis', url: address.url }, prefix, {
        logger: silentLogger,
      });
      queues.push(queue);
      return queue;
    };
    const done: string[] = [];
    const producer = open();
    const note = ({ instanceId }: { readonly instanceId: string }) => {
      done.push(instanceId);
      return Promise.resolve();
    };
    await open().work('infer', note, { concurrency: 1 });
    await producer.enqueue([inferJob()]);
    await eventually(() => {
      expect(done).toHaveLength(1);
    });

    await clients[1].replicaof('127.0.0.1', portOf(first));
    await eventually(async () => {
      expect(await clients[1].info('replication')).toContain('master_link_status:up');
    });
    await clients[1].replicaof('NO', 'ONE');
    await clients[0].replicaof('127.0.0.1', portOf(second));
    address.leadTo(portOf(second));
    await eventually(() => producer.enqueue([inferJob()]));
    await eventually(() => {
      expect(done.length).toBeGreaterThan(1);
    });
  });
});

/** An address whose new connections lead to one server or another; those that stand stay where they are. */
async function openAddress(port: number) {
  let target = port;
  const server: Server = createServer((socket) => {
    const upstream = connect(target, '127.0.0.1');
    socket.pipe(upstream).pipe(socket);
    socket.on('error', () => upstream.destroy());
    upstream.on('error', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `redis://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    leadTo(other: number) {
      target = other;
    },
    close() {
      server.close();
    },
  };
}

function portOf({ url }: RedisServer): number {
  return Number(new URL(url).port);
}

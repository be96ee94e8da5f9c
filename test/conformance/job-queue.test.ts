import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describeWithPeer } from '../support/peers.js';
import { startPostgres } from '../support/postgres-server.js';
import { startRedis } from '../support/redis-server.js';
import { openEmbeddedTestDatabase, openPostgresTestDatabase } from '../support/test-database.js';
import { describeJobQueue } from './job-queue.js';

describeWithPeer('redis', 'with a Redis server', (peer) => {
  describeJobQueue('Redis', async () => {
    const server = await startRedis(peer);
    const place = { kind: 'redis', url: server.url } as const;
    return {
      backend: place,
      newPlace: () => Promise.resolve(place),
      server,
      close: () => server.stop(),
    };
  });
});

describeWithPeer('postgres', 'with a PostgreSQL server', (peer) => {
  describeJobQueue('PostgreSQL', async () => {
    const server = await startPostgres(peer);
    const database = await openPostgresTestDatabase(server);
    return {
      backend: { kind: 'postgres', pool: database.queuePool },
      newPlace: () => Promise.resolve({ kind: 'database', options: database.options }),
      server,
      async close() {
        await database.close();
        await server.stop();
      },
    };
  });
});

describeJobQueue('PGlite', async () => {
  const database = await openEmbeddedTestDatabase();
  const folders: string[] = [];
  return {
    backend: { kind: 'postgres', pool: database.queuePool },
    newPlace() {
      const dataFolder = mkdtempSync(join(tmpdir(), 'preread-embedded-'));
      folders.push(dataFolder);
      return Promise.resolve({ kind: 'database', options: { kind: 'embedded', dataFolder } });
    },
    async close() {
      await database.close();
      await Promise.all(
        folders.map((folder) => rm(folder, { recursive: true, force: true, maxRetries: 5 })),
      );
    },
  };
});

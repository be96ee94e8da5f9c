import { describeWithPeer } from '../support/peers.js';
import { startPostgres } from '../support/postgres-server.js';
import { startRedis } from '../support/redis-server.js';
import { openEmbeddedTestDatabase, openPostgresTestDatabase } from '../support/test-database.js';
import { describeHandingOver } from './outbox-relay-handing-over.js';
import type { RelayBed } from './outbox-relay-rig.js';
import { describeOutboxRelay } from './outbox-relay.js';

function describeRelay(name: string, open: () => Promise<RelayBed>): void {
  describeOutboxRelay(name, open);
  describeHandingOver(name, open);
}

describeRelay('all in PGlite', async () => {
  const database = await openEmbeddedTestDatabase();
  return {
    database,
    backend: { kind: 'postgres', pool: database.queuePool },
    close: () => database.close(),
  };
});

describeWithPeer('postgres', 'with a PostgreSQL server', (peer) => {
  describeRelay('all in PostgreSQL', async () => {
    const server = await startPostgres(peer);
    const database = await openPostgresTestDatabase(server);
    return {
      database,
      backend: { kind: 'postgres', pool: database.queuePool },
      server,
      async close() {
        await database.close();
        await server.stop();
      },
    };
  });
});

describeWithPeer('redis', 'with a Redis server', (peer) => {
  describeRelay('from PGlite to Redis', async () => {
    const [database, server] = await Promise.all([openEmbeddedTestDatabase(), startRedis(peer)]);
    return {
      database,
      backend: { kind: 'redis', url: server.url },
      server,
      async close() {
        await database.close();
        await server.stop();
      },
    };
  });
});

import { afterAll, beforeAll } from 'vitest';

import { describeWithPeer } from '../support/peers.js';
import type { PostgresServer } from '../support/postgres-server.js';
import { startPostgres } from '../support/postgres-server.js';
import { openEmbeddedTestDatabase, openPostgresTestDatabase } from '../support/test-database.js';
import { describeDestinationStore } from './destination-store.js';

describeDestinationStore('PGlite', openEmbeddedTestDatabase);

describeWithPeer('postgres', 'on a server', (peer) => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres(peer);
  });
  afterAll(() => server.stop());

  describeDestinationStore('PostgreSQL', () => openPostgresTestDatabase(server));
});

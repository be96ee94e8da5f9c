import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { openDatabase } from '../../adapters/database/open-database.js';
import { openPostgresDatabase } from '../../adapters/database/postgres-database.js';
import { createStudyStore } from '../../adapters/database/study-store/study-store.js';
import { silentLogger } from '../../core/log.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { describeWithPeer } from '../support/peers.js';
import type { PostgresServer } from '../support/postgres-server.js';
import { startPostgres } from '../support/postgres-server.js';
import { sampleInstance } from '../support/sample-study.js';

const deps = { logger: silentLogger, clock: Date.now };

describeWithPeer('postgres', 'PostgreSQL as the database', (peer) => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres(peer);
  });
  afterAll(() => server.stop());

  it('gets its tables once when several processes start at the same time', async () => {
    const options = { kind: 'postgres', url: await server.createDatabase(), poolSize: 5 } as const;
    const databases = await Promise.all(
      Array.from({ length: 6 }, () => openDatabase(deps, options)),
    );
    const { rows } = await databases[0]!.pool.query<{ name: string }>(
      'SELECT name FROM kysely_migration ORDER BY name',
    );
    const files = await readdir(join(import.meta.dirname, '../../adapters/database/migrations'));
    expect(rows.map(({ name }) => name)).toEqual(
      files.sort().map((file) => file.replace('.ts', '')),
    );
    await Promise.all(databases.map((database) => database.close()));
  });

  it('is unavailable, not hung, where nobody listens', async () => {
    const url = `postgres://postgres@127.0.0.1:${await freePort()}/nothing`;
    await expect(openDatabase(deps, { kind: 'postgres', url, poolSize: 5 })).rejects.toMatchObject({
      code: 'database-unavailable',
    });
  });

  it('is unavailable while all its connections are taken for too long', async () => {
    const url = await server.createDatabase();
    const database = openPostgresDatabase(deps, { url, poolSize: 1 });
    const taken = await database.pool.connect();
    const store = createStudyStore({ pool: database.pool, clock: Date.now }, {});
    await expect(store.ping()).rejects.toMatchObject({ code: 'database-unavailable' });
    taken.release();
    await expect(store.ping()).resolves.toBeUndefined();
    await database.close();
  });

  it('can go away in the middle of a transaction and come back', async () => {
    const url = await server.createDatabase();
    const database = await openDatabase(deps, { kind: 'postgres', url, poolSize: 5 });
    const store = createStudyStore({ pool: database.pool, clock: Date.now }, {});
    const instance = sampleInstance();
    const recorded = await store.recordInstance(instance);
    const client = await database.pool.connect();
    await client.query('BEGIN');
    await server.kill();
    await expect(client.query('SELECT 1')).rejects.toThrow();
    client.release(true);
    await expect(store.recordInstance(sampleInstance())).rejects.toMatchObject({
      code: 'database-unavailable',
    });

    await server.restart();
    await eventually(() => store.ping(), { timeoutMs: 20_000 });
    expect(await store.recordInstance(instance)).toMatchObject({
      kind: 'duplicate',
      instanceId: recorded.instanceId,
    });
    await database.close();
  });
});

import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type pg from 'pg';

import type { DatabaseOptions } from '../../adapters/database/open-database.js';
import { openDatabase } from '../../adapters/database/open-database.js';
import { silentLogger } from '../../core/log.js';
import type { PostgresServer } from './postgres-server.js';

/** An open database for a whole suite; opening one takes seconds. */
export interface TestDatabase {
  readonly pool: pg.Pool;
  readonly queuePool: pg.Pool;
  /** How another process, or this one after a restart, opens the same database. */
  readonly options: DatabaseOptions;
  /** Takes all rows out of our tables. */
  readonly empty: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function openEmbeddedTestDatabase(): Promise<TestDatabase> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'preread-embedded-'));
  const opened = await open({ kind: 'embedded', dataFolder });
  return {
    ...opened,
    async close() {
      await opened.close();
      await rm(dataFolder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export async function openPostgresTestDatabase(server: PostgresServer): Promise<TestDatabase> {
  return open({ kind: 'postgres', url: await server.createDatabase(), poolSize: 20 });
}

async function open(options: DatabaseOptions): Promise<TestDatabase> {
  const deps = { logger: silentLogger, clock: Date.now };
  const { pool, queuePool, close } = await openDatabase(deps, options);
  return {
    pool,
    queuePool,
    options,
    close,
    async empty() {
      await pool.query(
        'TRUNCATE parked_jobs, audit_log, outbox, deliveries, results, instances, studies, api_keys, ' +
          'commitment_requests, sent_commitments, archive_offers, archive_runs, archive_files, ' +
          'closed_destinations, destination_addresses, destinations',
      );
    },
  };
}

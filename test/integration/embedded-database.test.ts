import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Database } from '../../adapters/database/database.js';
import { openEmbeddedDatabase } from '../../adapters/database/embedded-database.js';
import { maintain } from '../../adapters/database/embedded-maintenance.js';
import { silentLogger } from '../../core/log.js';
import { eventually } from '../support/eventually.js';
import { mountingImpossible, smallDisk } from '../support/small-disk.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { openEmbeddedTestDatabase } from '../support/test-database.js';
import type { TestDatabase } from '../support/test-database.js';

const MIB = 1024 ** 2;
const deps = { logger: silentLogger, clock: Date.now };

/** Takes the log's folder away until the server has panicked over it. */
async function crash(client: pg.ClientBase, database: TestDatabase): Promise<void> {
  const { dataFolder } = database.options as { readonly dataFolder: string };
  const log = join(dataFolder, 'database', 'pg_wal');
  await rename(log, `${log}.away`);
  try {
    await expect(
      (async () => {
        for (;;) {
          await client.query('SELECT pg_switch_wal()');
          await client.query("SELECT pg_logical_emit_message(false, 'test', 'x')");
        }
      })(),
    ).rejects.toThrow('crashed');
  } finally {
    await rename(`${log}.away`, log);
  }
}

describe('embedded database', () => {
  let database: TestDatabase;
  let pool: pg.Pool;

  beforeAll(async () => {
    database = await openEmbeddedTestDatabase();
    pool = database.pool;
    await pool.query('CREATE TABLE notes (id int PRIMARY KEY, text text)');
  });
  afterAll(() => database.close());

  async function setting(name: string): Promise<unknown> {
    const { rows } = await pool.query<{ value: string }>('SELECT current_setting($1) AS value', [
      name,
    ]);
    return rows[0]?.value;
  }

  it('commits to the disk, not to a cache', async () => {
    expect(await setting('fsync')).toBe('on');
    expect(await setting('wal_sync_method')).toBe('fsync');
    expect(await setting('synchronous_commit')).toBe('on');
    expect(await setting('full_page_writes')).toBe('on');
  });

  it('gives and takes values as node-postgres does with PostgreSQL', async () => {
    const at = new Date('2026-01-15T08:00:00.123Z');
    const { rows } = await pool.query(
      `SELECT 9007199254740993::int8 AS big, 1.5::numeric AS exact, $1::timestamptz AS at,
         $2::jsonb AS json, $3::text[] AS list, $4::bytea AS bytes, NULL AS nothing, true AS yes`,
      [at, JSON.stringify({ a: [1] }), ['x', 'y,"z"'], Buffer.from([0, 255])],
    );
    expect(rows).toEqual([
      {
        big: '9007199254740993',
        exact: '1.5',
        at,
        json: { a: [1] },
        list: ['x', 'y,"z"'],
        bytes: Buffer.from([0, 255]),
        nothing: null,
        yes: true,
      },
    ]);
  });

  it('reports errors with their SQLSTATE and goes on', async () => {
    await expect(pool.query('SELECT * FROM absent')).rejects.toMatchObject({ code: '42P01' });
    await expect(pool.query('SELECT $1::int', ['x'])).rejects.toMatchObject({ code: '22P02' });
    await expect(pool.query('SELEC')).rejects.toMatchObject({ code: '42601' });
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('keeps clients apart: nobody sees or ends the transaction of another', async () => {
    const [one, two] = await Promise.all([pool.connect(), pool.connect()]);
    await one.query('BEGIN');
    await one.query("INSERT INTO notes VALUES (1, 'mine')");
    let answered = false;
    const counting = two.query<{ count: string }>('SELECT count(*) FROM notes').then(({ rows }) => {
      answered = true;
      return rows;
    });
    await sleep(100);
    expect(answered).toBe(false);
    await one.query('ROLLBACK');
    expect(await counting).toEqual([{ count: '0' }]);

    await one.query('BEGIN');
    await expect(one.query('SELECT 1/0')).rejects.toMatchObject({ code: '22012' });
    await expect(one.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await one.query('ROLLBACK');
    one.release();
    two.release();
  });

  it('rolls back what a client leaves open', async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query("INSERT INTO notes VALUES (2, 'lost')");
    client.release(true);
    expect((await pool.query('SELECT * FROM notes WHERE id = 2')).rows).toEqual([]);
  });

  it('brings notifications to those who listen, once each', async () => {
    const [listener, other] = await Promise.all([pool.connect(), pool.connect()]);
    const heard: unknown[] = [];
    const overheard: unknown[] = [];
    listener.on('notification', ({ channel, payload }) => heard.push([channel, payload]));
    other.on('notification', (message) => overheard.push(message));
    await listener.query('LISTEN jobs');
    await pool.query("SELECT pg_notify('jobs', 'infer')");
    await other.query('BEGIN');
    await other.query("NOTIFY jobs, 'assemble'");
    await sleep(50);
    expect(heard).toEqual([['jobs', 'infer']]);
    await other.query('COMMIT');
    await eventually(() => {
      expect(heard).toEqual([
        ['jobs', 'infer'],
        ['jobs', 'assemble'],
      ]);
    });
    expect(overheard).toEqual([]);
    listener.release(true);
    other.release();
  });

  it('carries large values and many queries at once', async () => {
    const large = 'x'.repeat(5 * MIB);
    const { rows } = await pool.query<{ echo: string }>('SELECT $1::text AS echo', [large]);
    expect(rows[0]?.echo === large).toBe(true);
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => pool.query('SELECT $1::int AS n', [n])),
    );
    expect(answers.map((answer) => answer.rows[0] as unknown)).toEqual(
      Array.from({ length: 200 }, (_, n) => ({ n })),
    );
  });

  async function prepared(text: string): Promise<number> {
    const { rows } = await pool.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM pg_prepared_statements WHERE statement LIKE $1',
      [text],
    );
    return rows[0]?.count ?? 0;
  }

  it('parses a statement once for all clients', async () => {
    const text = 'SELECT $1::int + 41 AS sum';
    const clients = [await pool.connect(), await pool.connect()];
    for (const [index, client] of clients.entries()) {
      expect((await client.query(text, [index])).rows).toEqual([{ sum: 41 + index }]);
    }
    clients.forEach((client) => {
      client.release();
    });
    expect(await prepared(text)).toBe(1);
  });

  it('keeps no more statements than fit into its memory, however many there are', async () => {
    for (let index = 0; index < 300; index += 1) {
      await pool.query(`SELECT $1::int AS many_${index}`, [index]);
    }
    expect(await prepared('SELECT $1::int AS many%')).toBeLessThanOrEqual(200);
    expect((await pool.query('SELECT $1::int AS many_0', [7])).rows).toEqual([{ many_0: 7 }]);
  });

  it('answers with the columns that a table has now, whoever has changed it', async () => {
    await pool.query('CREATE TABLE changing (id int)');
    await pool.query('INSERT INTO changing VALUES (1)');
    const read = async () =>
      (await pool.query('SELECT * FROM changing WHERE id = $1', [1])).rows as unknown[];
    expect(await read()).toEqual([{ id: 1 }]);
    await pool.query('ALTER TABLE changing ADD COLUMN text text');
    expect(await read()).toEqual([{ id: 1, text: null }]);
    await pool.query(`CREATE FUNCTION change() RETURNS void LANGUAGE sql
      AS 'ALTER TABLE changing ALTER COLUMN id TYPE bigint'`);
    await read();
    // Nothing in what the server answers says that this has changed a table.
    await pool.query('SELECT change()');
    expect(await read()).toEqual([{ id: '1', text: null }]);
  });

  it('prepares a statement that has failed to parse when it can be parsed', async () => {
    const text = 'SELECT id FROM later WHERE id = $1';
    await expect(pool.query(text, [1])).rejects.toMatchObject({ code: '42P01' });
    const client = await pool.connect();
    await client.query('BEGIN');
    await expect(client.query(text, [1])).rejects.toMatchObject({ code: '42P01' });
    await expect(client.query(text, [1])).rejects.toMatchObject({ code: '25P02' });
    await client.query('ROLLBACK');
    client.release();
    await pool.query('CREATE TABLE later (id int)');
    expect((await pool.query(text, [1])).rows).toEqual([]);
  });

  it('starts again after a crash with everything that was committed', async () => {
    await pool.query("INSERT INTO notes VALUES (3, 'kept')");
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query("INSERT INTO notes VALUES (4, 'not committed')");
    await crash(client, database);
    await expect(client.query('COMMIT')).rejects.toThrow();
    client.release(true);
    const { rows } = await eventually(() => pool.query('SELECT id FROM notes ORDER BY id'), {
      timeoutMs: 20_000,
    });
    expect(rows).toEqual([{ id: 3 }]);
  });

  it('keeps its log and its tables from growing', async () => {
    const folder = database.options.kind === 'embedded' ? database.options.dataFolder : '';
    const log = join(folder, 'database', 'pg_wal');
    await pool.query('CREATE TABLE queue (id int, filler text)');
    for (let round = 0; round < 4; round += 1) {
      await pool.query(
        "INSERT INTO queue SELECT g, repeat('x', 800) FROM generate_series(1, 30000) g",
      );
      await pool.query('DELETE FROM queue');
      await maintain(pool);
    }
    const { rows } = await pool.query<{ log: number; size: number }>(
      `SELECT (pg_current_wal_lsn() - redo_lsn)::float8 AS log,
         pg_table_size('queue')::float8 AS size FROM pg_control_checkpoint()`,
    );
    expect(rows[0]?.log).toBeLessThan(64 * MIB);
    // One round fills 27 MB.
    expect(rows[0]?.size).toBeLessThan(40 * MIB);
    expect((await readdir(log)).length).toBeLessThan(20);
  });
});

describe('opening the embedded database', () => {
  it('refuses a second opener of the folder, and forgets nothing between two', async () => {
    const dataFolder = temporaryFolder();
    const first = await openEmbeddedDatabase(deps, { dataFolder });
    await first.pool.query('CREATE TABLE notes (id int)');
    await first.pool.query('INSERT INTO notes VALUES (1)');
    await expect(openEmbeddedDatabase(deps, { dataFolder })).rejects.toMatchObject({
      code: 'data-folder-locked',
    });
    await Promise.all([first.close(), first.close()]);

    const second = await openEmbeddedDatabase(deps, { dataFolder });
    expect((await second.pool.query('SELECT * FROM notes')).rows).toEqual([{ id: 1 }]);
    await second.close();
  });

  it('closes even when somebody has not given a client back', async () => {
    const database = await openEmbeddedDatabase(deps, { dataFolder: temporaryFolder() });
    const client = await database.pool.connect();
    await client.query('LISTEN jobs');
    await database.close();
  });

  it('starts over when its first start was interrupted', async () => {
    const dataFolder = temporaryFolder();
    const unfinished = join(dataFolder, 'database.unfinished', 'base');
    await mkdir(unfinished, { recursive: true });
    await writeFile(join(unfinished, 'PG_VERSION'), '18\n');
    const database = await openEmbeddedDatabase(deps, { dataFolder });
    expect((await database.pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await database.close();
    expect(await readdir(dataFolder)).toEqual(['database']);
  });

  it('says that it is unavailable when the folder does not hold a database', async () => {
    const dataFolder = temporaryFolder();
    await mkdir(join(dataFolder, 'database'));
    await writeFile(join(dataFolder, 'database', 'PG_VERSION'), '9.6\n');
    await expect(openEmbeddedDatabase(deps, { dataFolder })).rejects.toMatchObject({
      code: 'database-unavailable',
    });
    expect(existsSync(join(dataFolder, 'lock'))).toBe(false);
  });

  it('stops when the lock of its folder is taken away', async () => {
    const dataFolder = temporaryFolder();
    const database = await openEmbeddedDatabase(deps, { dataFolder });
    await rm(join(dataFolder, 'lock'), { recursive: true });
    await eventually(() =>
      expect(database.pool.query('SELECT 1')).rejects.toMatchObject({ code: 'data-folder-locked' }),
    );
    await database.close();
  });
});

const onRealDisk = mountingImpossible === undefined ? describe : describe.skip;
onRealDisk(`embedded database on a small disk [${mountingImpossible ?? 'mounted'}]`, () => {
  it('fails while the disk is full and goes on when there is room', async () => {
    const { folder } = smallDisk(110 * MIB);
    const database: Database = await openEmbeddedDatabase(deps, { dataFolder: folder });
    const { pool } = database;
    await pool.query('CREATE TABLE notes (id int, text text)');
    await pool.query("INSERT INTO notes VALUES (1, 'before')");
    const filler = join(folder, 'filler');
    await fillDisk(filler);

    let lastKept = 1;
    await expect(
      (async () => {
        for (let id = 2; id < 4_000; id += 1) {
          await pool.query("INSERT INTO notes VALUES ($1, repeat('x', 20000))", [id]);
          lastKept = id;
        }
      })(),
    ).rejects.toThrow();

    await rm(filler);
    const { rows } = await eventually(
      () => pool.query<{ id: number }>('SELECT id FROM notes ORDER BY id'),
      { timeoutMs: 30_000, intervalMs: 500 },
    );
    const ids = rows.map(({ id }) => id);
    expect(ids.slice(0, lastKept)).toEqual(Array.from({ length: lastKept }, (_, n) => n + 1));
    await pool.query("INSERT INTO notes VALUES (0, 'after')");
    await database.close();
  });
});

onRealDisk(`a start on a full disk [${mountingImpossible ?? 'mounted'}]`, () => {
  it('says that the disk is full: without a database yet, and with one', async () => {
    const { folder } = smallDisk(110 * MIB);
    const filler = join(folder, 'filler');
    await fillDisk(filler);
    const opening = () => openEmbeddedDatabase(deps, { dataFolder: folder });
    const full = { code: 'storage-full', message: expect.stringContaining(folder) as string };
    await expect(opening()).rejects.toMatchObject(full);
    await rm(filler);
    await (await opening()).close();
    await fillDisk(filler);
    // It may start with what it has, as long as it need not write.
    const result = await opening().then(
      (database) => database.close(),
      (error: unknown) => error,
    );
    if (result !== undefined) {
      expect(result).toMatchObject(full);
    }
    await rm(filler);
    await (await opening()).close();
  });
});

async function fillDisk(path: string): Promise<void> {
  await writeFile(path, Buffer.alloc(200 * MIB)).catch(() => undefined);
  expect(readFileSync(path).byteLength).toBeGreaterThan(0);
}

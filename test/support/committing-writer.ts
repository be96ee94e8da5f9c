/**
 * Run as a process of its own, under strace: commits to an embedded database and writes a line to standard output,
 * in one system call, when it has heard of each commit. Argument: data folder.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';

import { openEmbeddedDatabase } from '../../adapters/database/embedded-database.js';
import { silentLogger } from '../../core/log.js';

const COMMITS = 20;
const STANDARD_OUTPUT = 1;

const dataFolder = process.argv[2] ?? '';
const database = await openEmbeddedDatabase(
  { logger: silentLogger, clock: Date.now },
  { dataFolder },
);

async function commit(pool: pg.Pool, name: string): Promise<void> {
  await pool.query('INSERT INTO notes VALUES ($1)', [name]);
  writeSync(STANDARD_OUTPUT, `${name}\n`);
}

async function together(name: string): Promise<void> {
  writeSync(STANDARD_OUTPUT, `${name} begins\n`);
  await Promise.all(Array.from({ length: COMMITS }, () => commit(database.pool, name)));
  writeSync(STANDARD_OUTPUT, `${name} ends\n`);
}

await database.pool.query('CREATE TABLE notes (text text)');
// Connects the clients.
await together('warm');
for (let count = 0; count < COMMITS; count += 1) {
  await commit(database.pool, 'alone');
}
await together('together');
await commit(database.queuePool, 'lazy');
await sleep(1_000);
await commit(database.queuePool, 'lazy');
await commit(database.pool, 'behind');
writeSync(STANDARD_OUTPUT, 'done\n');
await database.close();

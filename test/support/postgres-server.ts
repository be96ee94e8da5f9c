import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chownSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

import type { ChildServer } from './child-server.js';
import { spawnServer } from './child-server.js';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';
import type { Peer } from './peers.js';

export interface PostgresServer {
  /** Of the postmaster that runs now. */
  readonly pid: number;
  /** URL of a new, empty database. */
  createDatabase(): Promise<string>;
  /** SIGKILL to the postmaster: every connection breaks, as in a crash. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same port and data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A real PostgreSQL in a temporary folder, on a free port of the loopback interface. */
export async function startPostgres(peer: Peer): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'preread-postgres-'));
  const identity = unprivileged(folder);
  const data = join(folder, 'data');
  execFileSync(
    peer.program('initdb'),
    ['-D', data, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...identity, stdio: 'ignore' },
  );
  const port = await freePort();
  const urlOf = (database: string) => `postgres://postgres@127.0.0.1:${port}/${database}`;

  async function start(): Promise<ChildServer> {
    const args = ['-D', data, '-p', `${port}`, '-k', folder, '-c', 'listen_addresses=127.0.0.1'];
    const started = spawnServer(peer.program('postgres'), args, identity);
    await eventually(
      async () => {
        if (!started.running) {
          throw new Error(`postgres has ended: ${started.output()}`);
        }
        await query(urlOf('postgres'), 'SELECT 1');
      },
      { timeoutMs: 30_000 },
    );
    return started;
  }

  let server = await start();
  return {
    get pid() {
      return server.pid;
    },
    async createDatabase() {
      const name = `test_${randomUUID().replaceAll('-', '')}`;
      await query(urlOf('postgres'), `CREATE DATABASE ${name}`);
      return urlOf(name);
    },
    kill: () => server.end('SIGKILL'),
    async restart() {
      server = await start();
    },
    async stop() {
      // Immediate shutdown: nobody needs these data again.
      await server.end('SIGQUIT');
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  // After `kill` the orphaned backends may still end a connection.
  client.on('error', () => undefined);
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

/** PostgreSQL refuses to run as root: then it runs as the user that Debian's package has made. */
function unprivileged(folder: string): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) {
    return {};
  }
  const idOf = (flag: string) =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  const [uid, gid] = [idOf('-u'), idOf('-g')];
  chownSync(folder, uid, gid);
  return { uid, gid };
}

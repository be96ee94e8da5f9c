import { freePort } from '../support/free-port.js';
import { peer, type Peer, type PeerName } from '../support/peers.js';
import { startPostgres, type PostgresServer } from '../support/postgres-server.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { supervise, type SupervisedProcess } from './supervised-process.js';

export const BACKENDS = ['embedded', 'redis'] as const;
export type Backend = (typeof BACKENDS)[number];

/** Everything that runs and can be broken. */
export interface System {
  /** Base URL of the process that takes studies in. */
  readonly url: string;
  readonly processes: readonly SupervisedProcess[];
  readonly redis: RedisServer | undefined;
  readonly postgres: PostgresServer | undefined;
  whenReady(): Promise<void>;
  /** Ends all; resolves to the exit codes of our processes by name. */
  stop(): Promise<Readonly<Record<string, number | null>>>;
}

/** The roles of each process of the production set-up; two machines infer. */
const PRODUCTION: Readonly<Record<string, readonly string[]>> = {
  ingest: ['ingest'],
  'inference-1': ['inference'],
  'inference-2': ['inference'],
  'assemble-delivery': ['assemble', 'delivery'],
};

export async function startSystem(
  backend: Backend,
  env: Readonly<Record<string, string>>,
): Promise<System> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  if (backend === 'embedded') {
    const processes = [supervise('serve', { ...env, PREREAD_PORT: `${port}` }, [])];
    return system(url, processes, undefined, undefined);
  }
  const redis = await startRedis(present('redis'));
  const postgres = await startPostgres(present('postgres'));
  const shared = { ...env, DATABASE_URL: await postgres.createDatabase(), REDIS_URL: redis.url };
  const processes = [];
  for (const [name, roles] of Object.entries(PRODUCTION)) {
    const ownPort = name === 'ingest' ? port : await freePort();
    const args = roles.flatMap((role) => ['--role', role]);
    processes.push(supervise(name, { ...shared, PREREAD_PORT: `${ownPort}` }, args));
  }
  return system(url, processes, redis, postgres);
}

function system(
  url: string,
  processes: readonly SupervisedProcess[],
  redis: RedisServer | undefined,
  postgres: PostgresServer | undefined,
): System {
  return {
    url,
    processes,
    redis,
    postgres,
    async whenReady() {
      await Promise.all(processes.map((process) => process.whenReady()));
    },
    async stop() {
      const codes: Record<string, number | null> = {};
      for (const process of processes) {
        codes[process.name] = await process.stop();
      }
      await redis?.stop();
      await postgres?.stop();
      return codes;
    },
  };
}

function present(name: PeerName): Peer {
  const state = peer(name);
  if (state.kind === 'absent') {
    throw new Error(state.reason);
  }
  return state.peer;
}

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
  /** Where the same process answers C-STORE. */
  readonly dimsePort: number;
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
  const dimsePort = await freePort();
  const address = { url: `http://127.0.0.1:${port}`, dimsePort };
  const dimse = { PREREAD_DIMSE_PORT: `${dimsePort}` };
  if (backend === 'embedded') {
    const processes = [supervise('serve', { ...env, ...dimse, PREREAD_PORT: `${port}` }, [])];
    return system(address, processes, undefined, undefined);
  }
  const redis = await startRedis(present('redis'));
  const postgres = await startPostgres(present('postgres'));
  const shared = { ...env, DATABASE_URL: await postgres.createDatabase(), REDIS_URL: redis.url };
  const processes = [];
  for (const [name, roles] of Object.entries(PRODUCTION)) {
    const ownPort = name === 'ingest' ? port : await freePort();
    const args = roles.flatMap((role) => ['--role', role]);
    const own = { ...(name === 'ingest' && dimse), PREREAD_PORT: `${ownPort}` };
    processes.push(supervise(name, { ...shared, ...own }, args));
  }
  return system(address, processes, redis, postgres);
}

function system(
  address: Pick<System, 'url' | 'dimsePort'>,
  processes: readonly SupervisedProcess[],
  redis: RedisServer | undefined,
  postgres: PostgresServer | undefined,
): System {
  return {
    ...address,
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

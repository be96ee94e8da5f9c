import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { ChildServer } from './child-server.js';
import { spawnServer } from './child-server.js';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';
import type { Peer } from './peers.js';

export interface RedisServer {
  readonly pid: number;
  readonly url: string;
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same port and data. */
  restart(): Promise<void>;
  /** The same, after all that it had is gone. */
  restartEmpty(): Promise<void>;
  /** It accepts connections and answers nothing, until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Every command that has changed anything, as its append-only file has it. */
  written(): string;
  stop(): Promise<void>;
}

/** A real Redis with an append-only file in a temporary folder, on a free port of the loopback interface. */
export async function startRedis(peer: Peer): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'preread-redis-'));
  const port = await freePort();
  const settings = {
    port: `${port}`,
    bind: '127.0.0.1',
    dir: folder,
    appendonly: 'yes',
    appendfsync: 'always',
    save: '',
    'maxmemory-policy': 'noeviction',
  };

  async function start(): Promise<ChildServer> {
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    const started = spawnServer(peer.program('redis-server'), args);
    await eventually(
      () => {
        if (!started.running) {
          throw new Error(`redis has ended: ${started.output()}`);
        }
        return ping(port);
      },
      { timeoutMs: 15_000 },
    );
    return started;
  }

  let server = await start();
  return {
    get pid() {
      return server.pid;
    },
    url: `redis://127.0.0.1:${port}`,
    written: () =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
        .join('\n'),
    kill: () => server.end('SIGKILL'),
    async restart() {
      server = await start();
    },
    async restartEmpty() {
      await rm(join(folder, 'appendonlydir'), { recursive: true, force: true });
      server = await start();
    },
    freeze: () => process.kill(server.pid, 'SIGSTOP'),
    thaw: () => process.kill(server.pid, 'SIGCONT'),
    async stop() {
      await server.end('SIGKILL');
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Until it has read its data, Redis answers -LOADING. */
function ping(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port, host: '127.0.0.1' }, () => socket.write('PING\r\n'));
    socket.setTimeout(1_000, () => socket.destroy(new Error('redis does not answer')));
    socket.once('error', reject);
    socket.once('data', (answer) => {
      socket.destroy();
      if (answer.toString('latin1').startsWith('+PONG')) {
        resolve();
      } else {
        reject(new Error(answer.toString('latin1')));
      }
    });
  });
}

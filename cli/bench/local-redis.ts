import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';

export interface LocalRedis {
  readonly url: string;
  close(): Promise<void>;
}

/** A Redis of our own in a folder, as durable as a queue needs it; undefined where none is installed. */
export async function startLocalRedis(folder: string): Promise<LocalRedis | undefined> {
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  const durable = ['--appendonly', 'yes', '--maxmemory-policy', 'noeviction'];
  const child = spawn('redis-server', [...settings, ...durable], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const failed = once(child, 'error').then(() => false);
  const ready = waitForLine(child.stdout, /Ready to accept connections/);
  if (!(await Promise.race([failed, ready]))) {
    return undefined;
  }
  const ended = once(child, 'exit');
  return {
    url: `redis://127.0.0.1:${port}`,
    async close() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function waitForLine(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<boolean> {
  for await (const line of createInterface({ input: stream })) {
    if (pattern.test(line)) {
      stream.resume();
      return true;
    }
  }
  return false;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

import { createHash } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

import { freePort } from './free-port.js';
import { startScriptedScp } from './scripted-scp.js';

/**
 * What a receiver does. `away`, `hung` and `certificate` stay so; the others are over after some attempts:
 * `reset` in the middle of the first message, `errors` for the first four, `answer lost` after the first
 * was taken.
 */
export const TROUBLES = ['away', 'hung', 'certificate', 'reset', 'errors', 'answer lost'] as const;
export type Trouble = (typeof TROUBLES)[number];

export interface TroubledReceiver {
  readonly port: number;
  /** Idempotency keys of everything that was taken, repetitions too. */
  readonly keys: readonly string[];
  close(): Promise<void>;
}

/**
 * Of `errors`: the HTTP status with which an attempt (from 1) fails, undefined when it succeeds. Other
 * receivers fail in their own way.
 */
export type Failing = (attempt: number) => number | undefined;

const FIRST_FOUR: Failing = (attempt) => (attempt <= 4 ? 500 : undefined);

export async function troubledHttp(
  trouble: Trouble,
  tls: TlsOptions,
  failing: Failing = FIRST_FOUR,
): Promise<TroubledReceiver> {
  const keys: string[] = [];
  let requests = 0;
  const answer: RequestListener = (request, response) => {
    requests += 1;
    const attempt = requests;
    const chunks: Buffer[] = [];
    if (trouble === 'reset' && attempt === 1) {
      request.once('data', () => request.socket.resetAndDestroy());
      return;
    }
    request.on('error', () => undefined).on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (trouble === 'hung') {
        return;
      }
      const status = trouble === 'errors' ? failing(attempt) : undefined;
      if (status !== undefined) {
        response.writeHead(status).end();
        return;
      }
      // A message is the same bytes on every attempt; a webhook names its key besides.
      const id = request.headers['webhook-id'];
      keys.push(id?.toString() ?? createHash('sha256').update(Buffer.concat(chunks)).digest('hex'));
      if (trouble === 'answer lost' && attempt === 1) {
        request.socket.destroy();
        return;
      }
      response.writeHead(200).end('{}');
    });
  };
  const server = trouble === 'certificate' ? createHttpsServer(tls, answer) : createServer(answer);
  return receiver(trouble, server, keys);
}

export async function troubledMllp(
  trouble: Trouble,
  tls: TlsOptions,
  failing: Failing = FIRST_FOUR,
): Promise<TroubledReceiver> {
  const keys: string[] = [];
  let messages = 0;
  const take = (socket: Socket): void => {
    let text = '';
    socket.on('error', () => undefined);
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += String(chunk);
      if (trouble === 'reset' && messages === 0) {
        messages += 1;
        socket.resetAndDestroy();
        return;
      }
      if (!text.endsWith('\x1c\r') || trouble === 'hung') {
        return;
      }
      messages += 1;
      if (trouble === 'errors' && failing(messages) !== undefined) {
        socket.destroy();
        return;
      }
      const controlId = text.split('|')[9] ?? '';
      keys.push(controlId);
      if (trouble === 'answer lost' && messages === 1) {
        socket.destroy();
        return;
      }
      const acknowledgment = `MSH|^~\\&|RIS|H|PREREAD|RAD|2026||ACK|1|P|2.5.1\rMSA|AA|${controlId}\r`;
      socket.write(`\x0b${acknowledgment}\x1c\r`);
    });
  };
  const server = trouble === 'certificate' ? createTlsServer(tls, take) : createTcpServer(take);
  return receiver(trouble, server, keys);
}

/**
 * `reset` and `answer lost` come at the second of the objects, as does the abort of `errors`, after which there is
 * no room once; with `failing` there is no room instead as long as that says so.
 */
export async function troubledArchive(
  trouble: Trouble,
  tls: TlsOptions,
  failing?: Failing,
): Promise<TroubledReceiver> {
  if (trouble === 'away') {
    return nobody();
  }
  const scp = await startScriptedScp(
    (store) => {
      switch (trouble) {
        case 'hung':
          return 'silence';
        case 'reset':
          return store === 1 ? 'reset' : 0;
        case 'answer lost':
          return store === 1 ? 'lose answer' : 0;
        case 'errors':
          if (failing !== undefined) {
            return failing(store) === undefined ? 0 : 0xa700;
          }
          return store === 1 ? 'abort' : store === 2 ? 0xa700 : 0;
        case 'certificate':
          return 0;
      }
    },
    trouble === 'certificate' ? { tls } : {},
  );
  return {
    port: scp.port,
    get keys() {
      return scp.stored.map(({ SOPInstanceUID }) => SOPInstanceUID);
    },
    close: scp.close,
  };
}

async function receiver(
  trouble: Trouble,
  server: Server,
  keys: readonly string[],
): Promise<TroubledReceiver> {
  if (trouble === 'away') {
    return nobody();
  }
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    keys,
    async close() {
      for (const socket of sockets) {
        socket.destroy();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function nobody(): Promise<TroubledReceiver> {
  return { port: await freePort(), keys: [], close: () => Promise.resolve() };
}

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { z } from 'zod';

export interface BenchReceiver {
  readonly url: string;
  /** When the message of a study was here, epoch ms; waits for it. */
  arrival(StudyInstanceUID: string): Promise<number>;
  close(): Promise<void>;
}

const messageSchema = z.object({
  data: z.object({ StudyInstanceUID: z.string() }),
});

/**
 * Takes webhooks and answers at once. It reads what it must to tell studies apart and verifies nothing: what
 * a receiver does with a message is its own matter, and its processor time would count against the pipeline.
 */
export async function startBenchReceiver(): Promise<BenchReceiver> {
  const arrivals = new Map<string, number>();
  const waiting = new Map<string, (atMs: number) => void>();

  function take(body: Buffer): void {
    const { data } = messageSchema.parse(JSON.parse(body.toString('utf8')));
    const atMs = Date.now();
    arrivals.set(data.StudyInstanceUID, atMs);
    waiting.get(data.StudyInstanceUID)?.(atMs);
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.writeHead(204).end();
      take(Buffer.concat(chunks));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    arrival: (StudyInstanceUID) =>
      new Promise((resolve) => {
        const there = arrivals.get(StudyInstanceUID);
        if (there === undefined) {
          waiting.set(StudyInstanceUID, resolve);
        } else {
          resolve(there);
        }
      }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

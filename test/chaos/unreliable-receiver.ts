import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Webhook } from 'standardwebhooks';

import { webhookMessageSchema } from '../../core/delivery/webhook-message.js';
import type { Random } from '../../scripts/phantom/random.js';
import type { Ledger } from './ledger.js';

export interface UnreliableReceiver {
  readonly url: string;
  readonly secret: string;
  readonly counts: { requests: number; dropped: number; refused: number; answersLost: number };
  close(): Promise<void>;
}

/**
 * A webhook receiver on a bad line: the first attempt of some messages never arrives, that of others is
 * answered with 503, and the answer to some that were processed is lost, so that they come again.
 * The second attempt always gets through.
 */
export async function startUnreliableReceiver(
  random: Random,
  ledger: Ledger,
): Promise<UnreliableReceiver> {
  const secret = `whsec_${Buffer.from('a secret of the test suite, 32 b').toString('base64')}`;
  const verifier = new Webhook(secret);
  const counts = { requests: 0, dropped: 0, refused: 0, answersLost: 0 };
  const seen = new Set<string>();

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      counts.requests += 1;
      const id = String(request.headers['webhook-id']);
      const draw = seen.has(id) ? 1 : random.uniform();
      seen.add(id);
      if (draw < 0.04) {
        counts.dropped += 1;
        request.socket.destroy();
        return;
      }
      if (draw < 0.08) {
        counts.refused += 1;
        response.writeHead(503).end();
        return;
      }
      const verified = verifier.verify(
        Buffer.concat(chunks).toString(),
        request.headers as Record<string, string>,
      );
      ledger.receive(id, webhookMessageSchema.parse(verified).data);
      if (draw < 0.12) {
        counts.answersLost += 1;
        request.socket.destroy();
        return;
      }
      response.writeHead(204).end();
    });
    request.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    secret,
    counts,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

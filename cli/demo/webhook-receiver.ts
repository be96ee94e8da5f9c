import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Webhook } from 'standardwebhooks';

import { webhookMessageSchema, type WebhookMessage } from '../../core/delivery/webhook-message.js';

const MAX_BODY_BYTES = 4 * 1024 * 1024;

export interface DemoReceiver {
  readonly url: string;
  readonly secret: string;
  close(): Promise<void>;
}

/** The demo's stand-in for a PACS or RIS: takes a message only if its signature and its schema hold. */
export async function startDemoReceiver(
  onMessage: (message: WebhookMessage) => void,
): Promise<DemoReceiver> {
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const verifier = new Webhook(secret);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) {
        request.destroy();
      }
      chunks.push(chunk);
    });
    request.on('end', () => {
      try {
        const headers = request.headers as Record<string, string>;
        const verified = verifier.verify(Buffer.concat(chunks).toString(), headers);
        const message = webhookMessageSchema.parse(verified);
        response.writeHead(204).end();
        onMessage(message);
      } catch {
        response.writeHead(400).end();
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    secret,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

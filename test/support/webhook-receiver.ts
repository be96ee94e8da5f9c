import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Webhook } from 'standardwebhooks';

import { webhookMessageSchema, type WebhookMessage } from '../../core/delivery/webhook-message.js';

export interface ReceivedMessage {
  readonly id: string;
  readonly message: WebhookMessage;
  readonly traceparent: string | undefined;
}

/**
 * A receiver as an integrator would write it: verifies the signature, parses the body, remembers ids. While
 * `answer` gives a status other than 2xx nothing counts as received.
 */
export async function startWebhookReceiver(options: { port?: number; answer?: () => number } = {}) {
  const secret = `whsec_${Buffer.from('a secret of the test suite, 32 b').toString('base64')}`;
  const verifier = new Webhook(secret);
  const received: ReceivedMessage[] = [];
  let attempts = 0;
  let watchers: (() => void)[] = [];

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      attempts += 1;
      const status = options.answer?.() ?? 204;
      if (status >= 200 && status < 300) {
        received.push(read(request.headers, Buffer.concat(chunks).toString()));
      }
      response.writeHead(status).end();
      for (const notify of watchers) {
        notify();
      }
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}/hook`,
    port,
    secret,
    received,
    get attempts() {
      return attempts;
    },
    /** Waits until the condition holds; checked after every request. */
    async until(condition: () => boolean, what: string, timeoutMs = 60_000): Promise<void> {
      if (condition()) {
        return;
      }
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          finish();
          reject(new Error(`waited ${timeoutMs} ms for ${what}; ${received.length} messages came`));
        }, timeoutMs);
        const watcher = (): void => {
          if (condition()) {
            finish();
            resolve();
          }
        };
        const finish = (): void => {
          clearTimeout(timer);
          watchers = watchers.filter((other) => other !== watcher);
        };
        watchers.push(watcher);
      });
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  function read(headers: IncomingHttpHeaders, body: string): ReceivedMessage {
    const verified = verifier.verify(body, headers as Record<string, string>);
    return {
      id: String(headers['webhook-id']),
      message: webhookMessageSchema.parse(verified),
      traceparent: headers['traceparent']?.toString(),
    };
  }
}

export type WebhookReceiver = Awaited<ReturnType<typeof startWebhookReceiver>>;

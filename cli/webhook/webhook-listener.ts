import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Webhook } from 'standardwebhooks';
import { z } from 'zod';

import {
  failedDeliveryMessageSchema,
  thinWebhookMessageSchema,
  webhookMessageSchema,
} from '../../core/delivery/webhook-message.js';
import { PipelineError } from '../../core/errors.js';

const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** Repetitions are known among so many; a listener that runs for weeks must not grow. */
const REMEMBERED_IDS = 10_000;

const messageSchema = z.union([
  webhookMessageSchema,
  thinWebhookMessageSchema,
  failedDeliveryMessageSchema,
]);
export type ReceivedMessage = z.infer<typeof messageSchema>;

export type WebhookEvent =
  | {
      readonly kind: 'message';
      /** `webhook-id`: the idempotency key. */
      readonly id: string;
      /** It was answered with 204 before: a receiver acts once. */
      readonly repeated: boolean;
      readonly answer: number;
      readonly message: ReceivedMessage;
    }
  | { readonly kind: 'refused'; readonly reason: string };

export interface WebhookListenerOptions {
  /** A message that is signed by one of them counts. */
  readonly secrets: readonly string[];
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** The first so many messages that verify are answered with this status. */
  readonly failure?: { readonly status: number; readonly first: number } | undefined;
}

export interface WebhookListener {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * A receiver of webhooks as one should be: it verifies the bytes as they came, looks at the schema, and
 * answers at once.
 *
 * @throws PipelineError `config-invalid` for a secret that is none, and for an address that is taken
 */
export async function startWebhookListener(
  options: WebhookListenerOptions,
  onEvent: (event: WebhookEvent) => void,
): Promise<WebhookListener> {
  const verifiers = options.secrets.map(createVerifier);
  const taken = new Set<string>();
  let failuresLeft = options.failure?.first ?? 0;

  function receive(body: string, headers: IncomingMessage['headers']): WebhookEvent {
    const verified = verify(verifiers, body, headers as Record<string, string>);
    const message = messageSchema.safeParse(verified);
    if (!message.success) {
      throw new Error('its signature holds, and it is no message of this version of preread');
    }
    const id = String(headers['webhook-id']);
    const repeated = taken.has(id);
    if (options.failure !== undefined && failuresLeft > 0) {
      failuresLeft -= 1;
      const answer = options.failure.status;
      return { kind: 'message', id, repeated, answer, message: message.data };
    }
    remember(taken, id);
    return { kind: 'message', id, repeated, answer: 204, message: message.data };
  }

  const server = createServer((request, response) => {
    void readBody(request)
      .then((body) => receive(body, request.headers))
      .catch((error: unknown): WebhookEvent => ({ kind: 'refused', reason: reasonOf(error) }))
      .then((event) => {
        response.writeHead(event.kind === 'message' ? event.answer : 400).end();
        onEvent(event);
      });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const place = `${options.host}:${options.port}`;
      reject(new PipelineError('config-invalid', `Cannot listen on ${place}.`, { cause }));
    });
    server.listen(options.port, options.host, resolve);
  });
  const { address, family, port } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function createVerifier(secret: string): Webhook {
  if (!/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/.test(secret)) {
    throw new PipelineError(
      'config-invalid',
      'A secret is whsec_ and at least 24 bytes of base64.',
    );
  }
  return new Webhook(secret);
}

/** The last secret's complaint when none fits: all look at the same headers. */
function verify(
  verifiers: readonly Webhook[],
  body: string,
  headers: Readonly<Record<string, string>>,
): unknown {
  let complaint: unknown;
  for (const verifier of verifiers) {
    try {
      return verifier.verify(body, headers);
    } catch (error) {
      complaint = error;
    }
  }
  throw complaint;
}

async function readBody(request: IncomingMessage): Promise<string> {
  if (request.method !== 'POST') {
    throw new Error(`a message is a POST, this is a ${request.method ?? 'request'}`);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) {
      throw new Error('the body is too large');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function remember(taken: Set<string>, id: string): void {
  taken.add(id);
  const [oldest] = taken;
  if (taken.size > REMEMBERED_IDS && oldest !== undefined) {
    taken.delete(oldest);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

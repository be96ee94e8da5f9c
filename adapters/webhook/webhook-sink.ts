import type { ConnectionOptions } from 'node:tls';

import { Agent, request, type Dispatcher } from 'undici';

import {
  buildWebhookMessage,
  webhookId,
  type WebhookBody,
} from '../../core/delivery/webhook-message.js';
import type { DeliveryReceipt, ResultSink, SinkDelivery } from '../../core/delivery/result-sink.js';
import { PipelineError } from '../../core/errors.js';
import type { Clock } from '../../core/time.js';
import { parseRetryAfterMs, transportError } from '../../core/delivery/transport-failure.js';
import { traceparentHeader } from '../../core/trace.js';
import type { AddressGuard } from '../network/address-guard.js';
import { createSigner } from './sign-message.js';

export interface WebhookSinkOptions {
  readonly name: string;
  readonly url: string;
  /** `whsec_` secrets; the new one first while two are valid. */
  readonly secrets: readonly string[];
  readonly timeoutMs: number;
  readonly userAgent: string;
  readonly body: WebhookBody;
  readonly publicUrl: string | undefined;
  /** Which addresses it may reach. */
  readonly guard: AddressGuard;
  /** Trust and client certificate for TLS, as node:tls takes them. */
  readonly tls?: ConnectionOptions | undefined;
}

/** An answer is not read beyond this: only its status matters. */
const MAX_ANSWER_BYTES = 16 * 1024;
/**
 * Posts results as Standard Webhooks 1.0.0: `webhook-id` stays the same over all attempts, the signature
 * covers id, time of the attempt and the raw body. 2xx is success, redirects are not followed, 410 ends the
 * delivery; every other answer is tried again later, because a receiver that is being repaired answers
 * anything.
 */
export function createWebhookSink(deps: { clock: Clock }, options: WebhookSinkOptions): ResultSink {
  const signers = options.secrets.map(createSigner);
  const { guard } = options;
  const agent = new Agent({
    connect: { ...options.tls, timeout: options.timeoutMs, lookup: guard.lookup },
    headersTimeout: options.timeoutMs,
    bodyTimeout: options.timeoutMs,
    // Receivers are few; a stale kept-alive connection would make the next message ambiguous.
    keepAliveTimeout: 4_000,
  });

  return {
    name: options.name,
    send: async (delivery) => {
      const answer = await post(delivery);
      return judge(answer, deps.clock());
    },
    close: () => agent.close(),
  };

  async function post(delivery: SinkDelivery): Promise<Dispatcher.ResponseData> {
    guard.checkHost(new URL(options.url).hostname);
    const body = JSON.stringify(buildWebhookMessage(delivery, options));
    const id = webhookId(delivery.deliveryId);
    const timestampSeconds = Math.floor(deps.clock() / 1000);
    try {
      const answer = await request(options.url, {
        method: 'POST',
        dispatcher: agent,
        headers: {
          'content-type': 'application/json',
          'user-agent': options.userAgent,
          'webhook-id': id,
          'webhook-timestamp': String(timestampSeconds),
          ...(delivery.traceId !== undefined && {
            traceparent: traceparentHeader(delivery.traceId, delivery.deliveryId),
          }),
          'webhook-signature': signers.map((sign) => sign(id, timestampSeconds, body)).join(' '),
        },
        body,
        signal: AbortSignal.timeout(options.timeoutMs),
      });
      await answer.body.dump({ limit: MAX_ANSWER_BYTES }).catch(() => undefined);
      return answer;
    } catch (error) {
      throw transportError(error);
    }
  }
}

function judge(answer: Dispatcher.ResponseData, nowMs: number): DeliveryReceipt {
  const status = answer.statusCode;
  if (status >= 200 && status < 300) {
    return { status };
  }
  const retryAfterMs = parseRetryAfterMs(answer.headers['retry-after'], nowMs);
  const context = { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  const code =
    status === 410
      ? 'delivery-gone'
      : [429, 502, 503, 504].includes(status)
        ? 'delivery-busy'
        : 'delivery-failed';
  throw new PipelineError(code, `the receiver answered ${status}`, { context });
}

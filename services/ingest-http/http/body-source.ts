import type { IncomingMessage } from 'node:http';

import { PipelineError } from '../../../core/errors.js';

export interface BodyLimits {
  readonly maxBytes: number;
  /** Silence of the sender that ends the request. A slow sender that keeps sending is never cut off. */
  readonly idleTimeoutMs: number;
}

/**
 * A request's body as chunks. Unlike iterating the request itself, giving up early leaves the connection
 * usable for the answer.
 *
 * @throws PipelineError `payload-too-large`, `request-timeout`; Node's error when the client goes away
 */
export async function* readBody(
  request: IncomingMessage,
  limits: BodyLimits,
): AsyncGenerator<Uint8Array> {
  const chunks = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>;
  let receivedBytes = 0;
  try {
    for (;;) {
      const next = await within(limits.idleTimeoutMs, chunks.next());
      if (next.done === true) {
        return;
      }
      receivedBytes += next.value.byteLength;
      if (receivedBytes > limits.maxBytes) {
        throw new PipelineError('payload-too-large');
      }
      yield next.value;
    }
  } finally {
    // Not awaited: behind a read that timed out it settles only when the connection ends.
    void chunks.return?.().catch(() => undefined);
  }
}

function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new PipelineError('request-timeout'));
    }, timeoutMs);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}

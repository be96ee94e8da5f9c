import type { IncomingMessage, ServerResponse } from 'node:http';

import { isWaitingForContinue } from './expect-continue.js';

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How long an unread body is still accepted after the answer; nginx lingers with the same two limits. */
const LINGER_TOTAL_MS = 30_000;
const LINGER_IDLE_MS = 5_000;

/**
 * Sends a whole answer, also while the client is still sending its body. Closing at once would reset the
 * connection and take the answer away from the client before it has read it (RFC 9112 9.6): so the rest
 * of the body is thrown away for a while, and only then the connection closed.
 */
export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
): Promise<void> {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const body = Buffer.from(answer.body, 'utf8');
  const unread = hasUnreadBody(request);
  response.writeHead(answer.status, {
    ...answer.headers,
    'Content-Type': answer.contentType,
    'Content-Length': body.length,
    ...(unread ? { Connection: 'close' } : {}),
  });
  if (unread && !isWaitingForContinue(request)) {
    response.write(body);
    await discardBody(request);
    response.end();
  } else {
    response.end(body);
  }
}

function hasUnreadBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  const announced = encoding !== undefined || (length !== undefined && length !== '0');
  return announced && !request.readableEnded;
}

/** Resolves when the body has ended, the client has gone, or patience has. */
function discardBody(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(total);
      clearTimeout(idle);
      request.off('data', onData);
      resolve();
    };
    const total = setTimeout(done, LINGER_TOTAL_MS);
    const idle = setTimeout(done, LINGER_IDLE_MS);
    const onData = () => idle.refresh();
    request.on('data', onData).once('end', done).once('close', done).once('error', done);
    request.resume();
  });
}

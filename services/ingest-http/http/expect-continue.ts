import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Requests whose client waits for `100 Continue` before it sends the body (RFC 9110 10.1.1). Node would
 * answer that at once; waiting until a route wants the body lets a refusal arrive before the upload.
 */
const waiting = new WeakSet<IncomingMessage>();

/** For the server's event `checkContinue`. */
export function deferContinue(request: IncomingMessage): void {
  waiting.add(request);
}

export function isWaitingForContinue(request: IncomingMessage): boolean {
  return waiting.has(request);
}

export function sendContinue(request: IncomingMessage, response: ServerResponse): void {
  if (waiting.delete(request)) {
    response.writeContinue();
  }
}

import { randomUUID } from 'node:crypto';

import type { RequestHandler } from 'express';

import type { Logger } from '../../../core/log.js';
import type { Clock } from '../../../core/time.js';
import { parseTraceparent, traceIdFromUuid, type TraceParent } from '../../../core/trace.js';
import type { Caller } from '../access/caller.js';

/** Facts that a handler adds to the request's line in the log. */
export interface RequestLocals {
  requestId: string;
  /** The sender's, when it has one; else begun here. */
  trace: TraceParent;
  facts: Record<string, unknown>;
  /** Absent before the guard, and on public resources. */
  caller?: Caller;
}

/**
 * Ids that proxies and tracing make: UUIDs, ULIDs, hexadecimal. Nothing with dots or spaces, so that no
 * UID and no name comes into the log this way, and nothing short, as patients' numbers are.
 */
const REQUEST_ID = /^(?=.*[A-Za-z])[A-Za-z0-9-]{20,64}$/;

/**
 * One line for every request when it is over, with the pattern of its route: URLs hold UIDs, and a logger
 * that is handed the request would write them. A client's request id is taken over when it is one.
 */
export function logRequests(logger: Logger, clock: Clock): RequestHandler {
  return (request, response, next) => {
    const startedAtMs = clock();
    const locals = response.locals as RequestLocals;
    const sent = request.get('X-Request-Id') ?? '';
    locals.requestId = REQUEST_ID.test(sent) ? sent : randomUUID();
    locals.trace = parseTraceparent(request.get('traceparent')) ?? {
      traceId: traceIdFromUuid(randomUUID()),
    };
    locals.facts = {};
    response.set('X-Request-Id', locals.requestId);
    response.once('close', () => {
      const facts = {
        requestId: locals.requestId,
        traceId: locals.trace.traceId,
        method: request.method,
        route: (request.route as { path?: string } | undefined)?.path ?? 'none',
        status: response.headersSent ? response.statusCode : undefined,
        finished: response.writableFinished,
        durationMs: clock() - startedAtMs,
        ...locals.facts,
      };
      if (response.statusCode >= 500) {
        logger.error(facts, 'request');
      } else if (request.method === 'GET' && response.statusCode < 400) {
        logger.debug(facts, 'request');
      } else {
        logger.info(facts, 'request');
      }
    });
    next();
  };
}

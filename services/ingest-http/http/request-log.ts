import { randomUUID } from 'node:crypto';

import type { RequestHandler } from 'express';

import type { Logger } from '../../../core/log.js';
import type { Clock } from '../../../core/time.js';

/** Facts that a handler adds to the request's line in the log. */
export interface RequestLocals {
  requestId: string;
  facts: Record<string, unknown>;
}

/**
 * One line for every request when it is over, with the pattern of its route: URLs hold UIDs, and a logger
 * that is handed the request would write them. The request id is our own, because a client's could be
 * anything.
 */
export function logRequests(logger: Logger, clock: Clock): RequestHandler {
  return (request, response, next) => {
    const startedAtMs = clock();
    const locals = response.locals as RequestLocals;
    locals.requestId = randomUUID();
    locals.facts = {};
    response.set('X-Request-Id', locals.requestId);
    response.once('close', () => {
      const facts = {
        requestId: locals.requestId,
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

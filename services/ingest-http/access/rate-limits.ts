import type { RequestHandler } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';

import { PipelineError } from '../../../core/errors.js';
import type { RequestLocals } from '../http/request-log.js';

const WINDOW_MS = 60_000;
/** A person who mistypes needs few; who guesses gets no further. */
const REFUSALS_PER_MINUTE = 30;

/** Requests a minute of each key. Callers on this machine that need no key are not counted. */
export function limitCallers(requestsPerMinute: number): RequestHandler {
  return limiter(requestsPerMinute, (_request, response) => {
    const { caller } = response.locals as RequestLocals;
    return caller?.id ?? 'nobody';
  });
}

/** To be called for each refused key: refusals a minute of each address. */
export function limitRefusals(): RequestHandler {
  return limiter(REFUSALS_PER_MINUTE, (request) =>
    ipKeyGenerator(request.socket.remoteAddress ?? ''),
  );
}

function limiter(
  limit: number,
  keyGenerator: (...args: Parameters<RequestHandler>) => string,
): RequestHandler {
  return rateLimit({
    windowMs: WINDOW_MS,
    limit,
    keyGenerator: (request, response) => keyGenerator(request, response, () => undefined),
    // Sets Retry-After and RateLimit headers; the answer itself is a problem like any other.
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    validate: false,
    handler: (_request, _response, next) => {
      next(new PipelineError('rate-limited', `At most ${limit} a minute.`));
    },
  });
}

import type { RequestHandler } from 'express';

import { allows } from '../../../core/access/scopes.js';
import type { Scope } from '../../../core/access/scopes.js';
import { PipelineError } from '../../../core/errors.js';
import type { RequestLocals } from '../http/request-log.js';
import { identifyCaller, isLoopbackAddress } from './caller.js';
import type { AccessPolicy } from './caller.js';
import { limitCallers, limitRefusals } from './rate-limits.js';

/** Makes the handlers that stand before a route: who calls, how often, and whether they may. */
export interface Guard {
  requires(scope: Scope): readonly RequestHandler[];
}

export function createGuard(policy: AccessPolicy, requestsPerMinute: number): Guard {
  const perCaller = limitCallers(requestsPerMinute);
  const perRefusal = limitRefusals();

  const identify: RequestHandler = async (request, response, next) => {
    const locals = response.locals as RequestLocals;
    const identified = await identifyCaller(policy, request);
    if (identified.kind === 'refused') {
      await Promise.resolve(
        perRefusal(request, response, (limited: unknown) => {
          next(limited ?? new PipelineError('unauthenticated', 'The key is not valid.'));
        }),
      );
      return;
    }
    if (identified.kind === 'anonymous') {
      throw new PipelineError('unauthenticated', missingKey(request.socket.remoteAddress));
    }
    locals.caller = identified.caller;
    locals.facts['caller'] = identified.caller.id;
    if (identified.caller.id === 'local' || identified.caller.id === 'control') {
      next();
      return;
    }
    await Promise.resolve(perCaller(request, response, next));
  };

  return {
    requires: (scope) => [
      identify,
      (_request, response, next) => {
        const { caller } = response.locals as RequestLocals;
        if (caller === undefined || !allows(caller.scopes, scope)) {
          throw new PipelineError('forbidden', `The key lacks the scope "${scope}".`);
        }
        next();
      },
    ],
  };
}

function missingKey(remoteAddress: string | undefined): string {
  const hint = isLoopbackAddress(remoteAddress)
    ? ' Requests through a proxy and from web pages need one on this machine too.'
    : '';
  return `Send a key: "Authorization: Bearer prk_...", made by "preread keys create".${hint}`;
}

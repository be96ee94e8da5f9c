import type { Request, Response } from 'express';

import type { OperatorRequest } from '../../../core/storage/operations-store.js';
import { parseRequest } from '../http/parse-request.js';
import type { RequestLocals } from '../http/request-log.js';
import { operatorRequestSchema } from './operations-schemas.js';

/** Who asks is known by the key, not by what is said. */
export function operatorRequest(request: Request, response: Response): OperatorRequest {
  const { reason } = parseRequest(operatorRequestSchema, request.body ?? {});
  return { actor: actorOf(response), reason };
}

/** Who asks. */
export function actorOf(response: Response): string {
  return (response.locals as RequestLocals).caller?.id ?? 'unknown';
}

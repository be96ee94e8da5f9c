import type { Request, Response } from 'express';

import type { OperatorRequest } from '../../../core/storage/operations-store.js';
import { parseRequest } from '../http/parse-request.js';
import type { RequestLocals } from '../http/request-log.js';
import { operatorRequestSchema } from './operations-schemas.js';

/** Who asks is known by the key, not by what is said. */
export function operatorRequest(request: Request, response: Response): OperatorRequest {
  const { reason } = parseRequest(operatorRequestSchema, request.body ?? {});
  const { caller } = response.locals as RequestLocals;
  return { actor: caller?.id ?? 'unknown', reason };
}

import type { Request, Response } from 'express';

import { PipelineError } from '../../../core/errors.js';
import type { OperatorRequest } from '../../../core/storage/operations-store.js';
import { describeIssues } from '../http/describe-issues.js';
import type { RequestLocals } from '../http/request-log.js';
import { operatorRequestSchema } from './operations-schemas.js';

/** Who asks is known by the key, not by what is said. */
export function operatorRequest(request: Request, response: Response): OperatorRequest {
  const parsed = operatorRequestSchema.safeParse(request.body ?? {});
  if (!parsed.success) {
    throw new PipelineError('request-invalid', describeIssues(parsed.error));
  }
  const { caller } = response.locals as RequestLocals;
  return { actor: caller?.id ?? 'unknown', reason: parsed.data.reason };
}

import type { z } from 'zod';

import { PipelineError } from '../../../core/errors.js';
import { describeIssues } from './describe-issues.js';

/**
 * What a request says in its query or its body.
 *
 * @throws PipelineError `request-invalid`, which repeats nothing that the client sent
 */
export function parseRequest<T>(schema: z.ZodType<T>, said: unknown): T {
  const parsed = schema.safeParse(said);
  if (!parsed.success) {
    throw new PipelineError('request-invalid', describeIssues(parsed.error));
  }
  return parsed.data;
}

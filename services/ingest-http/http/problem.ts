import { z } from 'zod';

import { ERRORS } from '../../../core/errors.js';
import type { ErrorCode, PipelineError } from '../../../core/errors.js';
import type { Answer } from './answer.js';

/** Seconds after which a client may try again what failed for want of something of ours. */
export const RETRY_AFTER_SECONDS = 5;

const TYPE_PREFIX = 'urn:preread:error:';

/** Problem details (RFC 9457). `type` is stable for each error code and is what programs should look at. */
export const problemSchema = z
  .object({
    type: z
      .enum(
        (Object.keys(ERRORS) as ErrorCode[]).map((code): `${typeof TYPE_PREFIX}${ErrorCode}` => {
          return `${TYPE_PREFIX}${code}`;
        }),
      )
      .describe('Stable name of the error.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    requestId: z.string().describe('Also in the header X-Request-Id and in our log.'),
  })
  .meta({ id: 'Problem' });

export type Problem = z.infer<typeof problemSchema>;

/** An error as an answer. `message` of a PipelineError is fit for strangers; its cause never leaves. */
export function problemAnswer(error: PipelineError, requestId: string): Answer {
  const { title, httpStatus } = ERRORS[error.code];
  const problem: Problem = {
    type: `${TYPE_PREFIX}${error.code}`,
    title,
    status: httpStatus,
    ...(error.message === title ? {} : { detail: error.message }),
    requestId,
  };
  return {
    status: httpStatus,
    contentType: 'application/problem+json',
    body: JSON.stringify(problem),
    headers: errorHeaders(httpStatus),
  };
}

/** What an answer says beside its body: when to come back, and which credentials are meant. */
export function errorHeaders(httpStatus: number): Record<string, string> {
  return {
    ...retryAfter(httpStatus),
    ...(httpStatus === 401 ? { 'WWW-Authenticate': 'Bearer realm="preread"' } : {}),
  };
}

/** Every 503 says when to come back; so does a 429, whose limit sets the header itself. */
export function retryAfter(httpStatus: number): Record<string, string> {
  return httpStatus === 503 ? { 'Retry-After': String(RETRY_AFTER_SECONDS) } : {};
}

import type { ErrorCode, PipelineError } from '../../../core/errors.js';
import { ERRORS } from '../../../core/errors.js';
import type { Answer } from '../http/answer.js';
import { errorHeaders } from '../http/problem.js';

export const FHIR_JSON = 'application/fhir+json';

/** Codes of http://hl7.org/fhir/issue-type; an error that stands here not is an exception, or passes. */
const ISSUE_CODES: Partial<Record<ErrorCode, string>> = {
  'request-invalid': 'invalid',
  unauthenticated: 'login',
  forbidden: 'forbidden',
  'not-found': 'not-found',
  'method-not-allowed': 'not-supported',
  'not-acceptable': 'not-supported',
  'rate-limited': 'throttled',
};

export interface OutcomeIssue {
  readonly severity: 'information' | 'error';
  readonly code: string;
  readonly details?: object;
  readonly diagnostics: string;
}

export function operationOutcome(issue: OutcomeIssue) {
  return { resourceType: 'OperationOutcome', issue: [issue] } as const;
}

/** An error as FHIR tells it. Source: FHIR R4 http.html 3.1.0.4, operationoutcome.html. */
export function outcomeAnswer(error: PipelineError, requestId: string): Answer {
  const { failure, httpStatus, title } = ERRORS[error.code];
  const body = operationOutcome({
    severity: 'error',
    code: ISSUE_CODES[error.code] ?? (failure === 'transient' ? 'transient' : 'exception'),
    details: { coding: [{ system: 'urn:preread:error', code: error.code }], text: title },
    diagnostics: `${error.message} (request ${requestId})`,
  });
  return {
    status: httpStatus,
    contentType: FHIR_JSON,
    body: JSON.stringify(body),
    headers: errorHeaders(httpStatus),
  };
}

import type { Request, RequestHandler, Response } from 'express';

import type { StudyHolds } from '../../../adapters/database/study-hold.js';
import { parseUid } from '../../../core/dicom/uid.js';
import type { DicomUid } from '../../../core/dicom/uid.js';
import { PipelineError } from '../../../core/errors.js';
import { withFacts } from '../../../core/log.js';
import { PRIORITIES } from '../../../core/triage/priority.js';
import type { Priority } from '../../../core/triage/priority.js';
import { parsePriority } from '../../../core/triage/requested-priority.js';
import type { IngestInstanceDeps, IngestOutcome } from '../../../core/use-cases/ingest-instance.js';
import { sendAnswer } from '../http/answer.js';
import { baseUrlOf } from '../http/base-url.js';
import { readBody } from '../http/body-source.js';
import { sendContinue } from '../http/expect-continue.js';
import { negotiate } from '../http/media-type.js';
import { retryAfter } from '../http/problem.js';
import type { RequestLocals } from '../http/request-log.js';
import { parseStoreContentType, storeObjects } from '../stow/store-request.js';
import { toDicomXml } from '../stow/dicom-xml.js';
import { buildStoreResponse, storeStatus, storeWarnings } from '../stow/store-response.js';

export const STORE_ACCEPTS = 'multipart/related; type="application/dicom", application/dicom';

/** Clients that know no DICOM media types ask for plain JSON; the body is the same. */
const RESPONSE_TYPES = [
  'application/dicom+json',
  'application/dicom+xml',
  'application/json',
] as const;

export interface StoreInstancesDeps extends IngestInstanceDeps {
  readonly holds: StudyHolds;
}

export interface StoreInstancesOptions {
  readonly maxInstanceBytes: number;
  readonly maxRequestBytes: number;
  readonly maxStoreRequests: number;
  readonly idleTimeoutMs: number;
  readonly publicUrl: string | undefined;
}

/**
 * STOW-RS store (PS3.18 10.5). Everything that can be refused by the request's head is refused before the
 * body is read; a client that waits for `100 Continue` then never sends it.
 */
export function storeInstances(
  deps: StoreInstancesDeps,
  options: StoreInstancesOptions,
): RequestHandler {
  let inFlight = 0;
  return async (request, response) => {
    const responseType = negotiate(request.headers.accept, RESPONSE_TYPES);
    if (responseType === undefined) {
      throw new PipelineError('not-acceptable', `Available: ${RESPONSE_TYPES.join(', ')}.`);
    }
    const parsed = parseHead(request, options.maxRequestBytes);
    if (inFlight >= options.maxStoreRequests) {
      throw new PipelineError('overloaded');
    }
    inFlight += 1;
    const locals = response.locals as RequestLocals;
    const logger = withFacts(deps.logger, { requestId: locals.requestId });
    const hold = deps.holds.open(logger);
    try {
      sendContinue(request, response);
      const bytes = readBody(request, {
        maxBytes: options.maxRequestBytes,
        idleTimeoutMs: options.idleTimeoutMs,
      });
      const { maxInstanceBytes } = options;
      const outcomes = await storeObjects(
        { ...deps, logger },
        { ...parsed, bytes, maxInstanceBytes, ...locals.trace },
        hold,
      );
      await answer(request, response, responseType, outcomes, options.publicUrl);
    } finally {
      inFlight -= 1;
      await hold.release();
    }
  };
}

function parseHead(request: Request, maxRequestBytes: number) {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new PipelineError('media-type-unsupported', 'Send the body without Content-Encoding.');
  }
  const body = parseStoreContentType(request.headers['content-type']);
  const parsed = {
    body,
    expectedStudyInstanceUID: readStudyInstanceUID(request),
    requestedPriority: readPriority(request),
  };
  if (Number(request.headers['content-length']) > maxRequestBytes) {
    throw new PipelineError('payload-too-large', `The limit is ${maxRequestBytes} bytes.`);
  }
  return parsed;
}

function readStudyInstanceUID(request: Request): DicomUid | undefined {
  const text = request.params['StudyInstanceUID'];
  if (typeof text !== 'string') {
    return undefined;
  }
  const uid = parseUid(text);
  if (uid === undefined) {
    throw new PipelineError('request-invalid', 'The URL holds no valid Study Instance UID.');
  }
  return uid;
}

function readPriority(request: Request): Priority | undefined {
  const word = request.get('Preread-Priority');
  if (word === undefined) {
    return undefined;
  }
  const priority = parsePriority(word);
  if (priority === undefined) {
    throw new PipelineError(
      'request-invalid',
      `Preread-Priority is one of ${PRIORITIES.join(', ')}.`,
    );
  }
  return priority;
}

async function answer(
  request: Request,
  response: Response,
  contentType: string,
  outcomes: readonly IngestOutcome[],
  publicUrl: string | undefined,
): Promise<void> {
  const status = storeStatus(outcomes);
  (response.locals as RequestLocals).facts = {
    stored: outcomes.filter(({ kind }) => kind === 'stored').length,
    duplicate: outcomes.filter(({ kind }) => kind === 'duplicate').length,
    failed: outcomes.filter(({ kind }) => kind === 'failed').length,
  };
  const warnings = storeWarnings(outcomes);
  if (warnings.length > 0) {
    response.set('Warning', warnings.join(', '));
  }
  const baseUrl = baseUrlOf(request, publicUrl);
  const dataset = buildStoreResponse(outcomes, `${baseUrl}/dicom-web/studies`);
  await sendAnswer(request, response, {
    status,
    contentType,
    body: contentType === 'application/dicom+xml' ? toDicomXml(dataset) : JSON.stringify(dataset),
    headers: retryAfter(status),
  });
}

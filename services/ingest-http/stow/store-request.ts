import type { StudyHold } from '../../../adapters/database/study-hold.js';
import type { DicomUid } from '../../../core/dicom/uid.js';
import { PipelineError } from '../../../core/errors.js';
import type { TraceParent } from '../../../core/trace.js';
import type { Priority } from '../../../core/triage/priority.js';
import { ingestInstance } from '../../../core/use-cases/ingest-instance.js';
import type { IngestInstanceDeps, IngestOutcome } from '../../../core/use-cases/ingest-instance.js';
import { parseMediaType } from '../http/media-type.js';
import { readMultipart } from '../http/multipart.js';
import type { MultipartPart } from '../http/multipart.js';
import { unnamedFailure } from './store-response.js';

/** How a request's body is to be read. */
export type StoreBody =
  { readonly kind: 'single' } | { readonly kind: 'multipart'; readonly boundary: string };

export interface StoreRequest extends TraceParent {
  readonly body: StoreBody;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly maxInstanceBytes: number;
  readonly expectedStudyInstanceUID: DicomUid | undefined;
  readonly requestedPriority: Priority | undefined;
}

const DICOM = 'application/dicom';
/** Each part leaves an outcome in memory and a line in the log, also one of a few bytes. */
const MAX_PARTS = 10_000;
const BOUNDARY_PATTERN = /^[\x20-\x7e]{1,200}$/;

/**
 * What a store request's Content-Type announces. `type` may be missing or unquoted, as senders do.
 * Boundaries longer than RFC 2046's 70 characters occur and do no harm.
 *
 * @throws PipelineError `media-type-unsupported`; `request-invalid` without a usable boundary
 */
export function parseStoreContentType(contentType: string | undefined): StoreBody {
  const mediaType = parseMediaType(contentType);
  if (mediaType?.essence === DICOM) {
    return { kind: 'single' };
  }
  const type = mediaType?.parameters.get('type')?.toLowerCase() ?? DICOM;
  if (mediaType?.essence !== 'multipart/related' || type !== DICOM) {
    throw new PipelineError(
      'media-type-unsupported',
      'Send multipart/related; type="application/dicom", or one object as application/dicom.',
    );
  }
  const boundary = mediaType.parameters.get('boundary')?.trimEnd() ?? '';
  if (!BOUNDARY_PATTERN.test(boundary)) {
    throw new PipelineError('request-invalid', 'The Content-Type has no usable boundary.');
  }
  return { kind: 'multipart', boundary };
}

/**
 * Stores the objects of a request as they come, one outcome each, in their order. A body that breaks off
 * or breaks the rules ends with one more outcome for that; what came before it stays stored.
 *
 * @throws what the connection throws when the client goes away
 */
export async function storeObjects(
  deps: IngestInstanceDeps,
  request: StoreRequest,
  hold: StudyHold,
): Promise<IngestOutcome[]> {
  const outcomes: IngestOutcome[] = [];
  try {
    if (request.body.kind === 'single') {
      outcomes.push(await ingest(deps, request, request.bytes, hold));
    } else {
      await storeParts(deps, request, request.body.boundary, hold, outcomes);
    }
  } catch (error) {
    if (!(error instanceof PipelineError)) {
      throw error;
    }
    outcomes.push(unnamedFailure(error));
  }
  return outcomes;
}

async function storeParts(
  deps: IngestInstanceDeps,
  request: StoreRequest,
  boundary: string,
  hold: StudyHold,
  outcomes: IngestOutcome[],
): Promise<void> {
  let anyAcknowledged = false;
  for await (const part of readMultipart(request.bytes, boundary)) {
    if (outcomes.length === MAX_PARTS) {
      throw new PipelineError('payload-too-large', `A request holds at most ${MAX_PARTS} objects.`);
    }
    hold.moreComes();
    const outcome = await storePart(deps, request, part, hold);
    outcomes.push(outcome);
    if (outcome.kind !== 'failed') {
      anyAcknowledged = true;
    } else if (outcome.error.failure === 'transient' && !anyAcknowledged) {
      // Disk or database fail and nothing is stored: the sender need not send the rest in vain.
      return;
    }
  }
  if (outcomes.length === 0) {
    throw new PipelineError('multipart-malformed', 'The body has no parts.');
  }
}

async function storePart(
  deps: IngestInstanceDeps,
  request: StoreRequest,
  part: MultipartPart,
  hold: StudyHold,
): Promise<IngestOutcome> {
  const contentType = part.headers.get('content-type');
  if (contentType !== undefined && parseMediaType(contentType)?.essence !== DICOM) {
    return unnamedFailure(
      new PipelineError('media-type-unsupported', 'A part is not application/dicom.'),
    );
  }
  if (Number(part.headers.get('content-length')) > request.maxInstanceBytes) {
    return unnamedFailure(new PipelineError('payload-too-large'));
  }
  return ingest(deps, request, part.body, hold);
}

async function ingest(
  deps: IngestInstanceDeps,
  request: StoreRequest,
  bytes: AsyncIterable<Uint8Array>,
  hold: StudyHold,
): Promise<IngestOutcome> {
  const outcome = await ingestInstance(deps, {
    bytes: hold.arriving(bytes),
    maxBytes: request.maxInstanceBytes,
    expectedStudyInstanceUID: request.expectedStudyInstanceUID,
    requestedPriority: request.requestedPriority,
    traceId: request.traceId,
    parentSpanId: request.parentSpanId,
  });
  // What is known already changes no result, so its study need not be held.
  if (outcome.kind === 'stored') {
    hold.stored(outcome.studyId, outcome.identity.StudyInstanceUID);
  }
  return outcome;
}

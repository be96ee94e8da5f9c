/**
 * The one error table. Retry logic, HTTP answers, DIMSE answers and the error catalogue in docs/ all
 * read it; nothing else maps failures.
 *
 * - `failure`: `transient` is retried with backoff, `permanent` fails at once, `ambiguous` (the other
 *   side may have acted) is retried only under an idempotency key.
 * - `httpStatus`: what the HTTP edge answers when the error ends a request.
 * - `failureReason`: DICOM status of the instance: Failure Reason (0008,1197) in a STOW-RS response and
 *   the C-STORE status. Source: PS3.18 Annex I, PS3.7 Annex C, PS3.4 B.2.3.
 */
export const ERRORS = {
  'multipart-malformed': entry('permanent', 400, 0xc000, 'The multipart body could not be read.'),
  'request-invalid': entry('permanent', 400, 0x0110, 'The request is not valid.'),
  unauthenticated: entry('permanent', 401, 0x0124, 'The request carries no valid credentials.'),
  forbidden: entry('permanent', 403, 0x0124, 'The credentials do not allow this.'),
  'not-found': entry('permanent', 404, 0x0112, 'No such resource.'),
  'method-not-allowed': entry('permanent', 405, 0x0211, 'The resource does not have this method.'),
  'not-acceptable': entry(
    'permanent',
    406,
    0x0110,
    'None of the accepted media types is available.',
  ),
  'request-timeout': entry('transient', 408, 0xa707, 'The sender fell silent.'),
  'payload-too-large': entry('permanent', 413, 0xa700, 'The payload exceeds the configured limit.'),
  'media-type-unsupported': entry('permanent', 415, 0xc000, 'The media type is not supported.'),
  'dicom-unreadable': entry('permanent', 409, 0xc000, 'The bytes are not a readable DICOM object.'),
  'dicom-truncated': entry(
    'permanent',
    409,
    0xc001,
    'The DICOM object ends before its last element.',
  ),
  'attribute-missing': entry(
    'permanent',
    409,
    0xa900,
    'A mandatory attribute is missing or invalid.',
  ),
  'pixel-data-missing': entry('permanent', 409, 0xa902, 'The object has no Pixel Data.'),
  'study-uid-mismatch': entry(
    'permanent',
    409,
    0xa901,
    'The Study Instance UID differs from the URL.',
  ),
  'sop-instance-mismatch': entry(
    'permanent',
    409,
    0xa903,
    'The object is not the one that was announced.',
  ),
  'sop-class-unsupported': entry('permanent', 409, 0x0122, 'The SOP Class is not accepted here.'),
  'transfer-syntax-unsupported': entry(
    'permanent',
    409,
    0xc122,
    'The transfer syntax is not accepted here.',
  ),
  'instance-conflict': entry(
    'permanent',
    409,
    0x0110,
    'Other bytes are stored under this SOP Instance UID.',
  ),
  'state-conflict': entry(
    'permanent',
    409,
    0x0110,
    'The request does not fit the present state of the resource.',
  ),
  'storage-full': entry('transient', 503, 0xa700, 'The object store has no room left.'),
  'storage-unavailable': entry(
    'transient',
    503,
    0xa701,
    'The object store cannot be read or written.',
  ),
  'database-unavailable': entry('transient', 503, 0xa702, 'The database does not answer.'),
  'queue-unavailable': entry('transient', 503, 0xa703, 'The job queue does not answer.'),
  'rate-limited': entry('transient', 429, 0xa708, 'Too many requests in too short a time.'),
  overloaded: entry('transient', 503, 0xa706, 'Too many requests are being served.'),
  'shutting-down': entry('transient', 503, 0xa704, 'The service is shutting down.'),
  'data-folder-locked': entry('permanent', 500, 0x0110, 'Another process uses the data folder.'),
  'server-unreachable': entry('transient', 503, 0xa709, 'No preread server answers.'),
  'config-invalid': entry('permanent', 500, 0x0110, 'The configuration is not valid.'),
  'model-not-found': entry('permanent', 500, 0x0110, 'There is no such model.'),
  'model-manifest-invalid': entry('permanent', 500, 0x0110, 'The model manifest is not valid.'),
  'model-hash-mismatch': entry(
    'permanent',
    500,
    0x0110,
    'The model file is not the one its manifest describes.',
  ),
  'model-graph-mismatch': entry(
    'permanent',
    500,
    0x0110,
    'The model graph differs from its manifest.',
  ),
  'model-self-test-failed': entry(
    'permanent',
    500,
    0x0110,
    'The model does not reproduce its self-test.',
  ),
  'provider-unavailable': entry(
    'permanent',
    500,
    0x0110,
    'What should compute does not work here.',
  ),
  'checkpoint-invalid': entry('permanent', 500, 0x0110, 'The checkpoint cannot be imported.'),
  'model-exists': entry('permanent', 500, 0x0110, 'A model of that name is installed.'),
  'download-failed': entry('transient', 502, 0x0110, 'The download did not succeed.'),
  'model-overlay-invalid': entry('permanent', 500, 0x0110, 'The model overlay is not valid.'),
  'model-overlay-mismatch': entry(
    'permanent',
    500,
    0x0110,
    'The model overlay was made for another model.',
  ),
  'recipe-unknown': entry('permanent', 500, 0x0110, 'The preprocessing recipe does not exist.'),
  'pixel-data-corrupt': entry('permanent', 422, 0xc002, 'The Pixel Data cannot be decoded.'),
  'pixel-format-unsupported': entry('permanent', 422, 0xc003, 'The pixel format is not supported.'),
  'image-too-large': entry('permanent', 422, 0xa705, 'The image exceeds the configured size.'),
  'inference-timeout': entry('transient', 500, 0x0110, 'The image was not finished in time.'),
  'inference-crashed': entry('transient', 500, 0x0110, 'The inference process died.'),
  'file-unreadable': entry('permanent', 500, 0x0110, 'The file cannot be read.'),
  'delivery-unreachable': entry('transient', 502, 0x0110, 'The destination cannot be reached.'),
  'delivery-timeout': entry('ambiguous', 504, 0x0110, 'The destination did not answer in time.'),
  'delivery-busy': entry(
    'transient',
    502,
    0x0110,
    'The destination asked to be left alone for a while.',
  ),
  'delivery-failed': entry(
    'transient',
    502,
    0x0110,
    'The destination answered with a server error.',
  ),
  'delivery-rejected': entry('permanent', 502, 0x0110, 'The destination refused the message.'),
  'delivery-gone': entry('permanent', 502, 0x0110, 'The destination says that it is gone.'),
  'delivery-forbidden': entry(
    'permanent',
    502,
    0x0110,
    'The destination resolves to an address that is not allowed.',
  ),
  'delivery-unconfigured': entry(
    'transient',
    503,
    0x0110,
    'This process cannot use the destination as it is set.',
  ),
  internal: entry('permanent', 500, 0x0110, 'An internal error.'),
} as const;

export type ErrorCode = keyof typeof ERRORS;
export const FAILURE_CLASSES = ['transient', 'ambiguous', 'permanent'] as const;
export type FailureClass = (typeof FAILURE_CLASSES)[number];

interface ErrorEntry {
  readonly failure: FailureClass;
  readonly httpStatus: number;
  readonly failureReason: number;
  readonly title: string;
}

export interface PipelineErrorOptions {
  readonly cause?: unknown;
  /** Facts for the log and the edge. Never patient data, UIDs, names or free text of a header. */
  readonly context?: Readonly<Record<string, string | number | boolean>>;
}

/** The only error class that crosses module borders. `message` must be fit for a stranger's eyes. */
export class PipelineError extends Error {
  readonly code: ErrorCode;
  readonly context: Readonly<Record<string, string | number | boolean>>;

  constructor(code: ErrorCode, message?: string, options: PipelineErrorOptions = {}) {
    super(
      message ?? ERRORS[code].title,
      options.cause === undefined ? {} : { cause: options.cause },
    );
    this.name = 'PipelineError';
    this.code = code;
    this.context = options.context ?? {};
  }

  get failure(): FailureClass {
    return ERRORS[this.code].failure;
  }

  get httpStatus(): number {
    return ERRORS[this.code].httpStatus;
  }

  get failureReason(): number {
    return ERRORS[this.code].failureReason;
  }
}

/** Anything thrown, as a PipelineError: one that is already one comes back unchanged. */
export function toPipelineError(error: unknown, fallback: ErrorCode = 'internal'): PipelineError {
  return error instanceof PipelineError
    ? error
    : new PipelineError(fallback, undefined, { cause: error });
}

/** Ends a switch over a closed set; the compiler objects when a case is missing. */
export function assertNever(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

function entry(
  failure: FailureClass,
  httpStatus: number,
  failureReason: number,
  title: string,
): ErrorEntry {
  return { failure, httpStatus, failureReason, title };
}

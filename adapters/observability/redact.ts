import { PipelineError } from '../../core/errors.js';

const REDACTED = '[redacted]';
const MAX_DEPTH = 6;
/** V8's frames hold our own paths and no data; these tell where without a page of them. */
const MAX_STACK_FRAMES = 12;

/** DICOM identifiers and patient attributes, by keyword. */
const PATIENT_DATA =
  /^(?:\w+InstanceUID|(?:Other)?Patients?[A-Z]\w*|\w*Physicians?Name|OperatorsName|AccessionNumber|StudyID|Institution\w+|[A-Z]\w+Description|identity)$/;

/** What holds UIDs (URLs), whole messages, or credentials. */
const MESSAGE_OR_CREDENTIAL =
  /^(?:url|originalUrl|query|params|body|headers?|cookies?|authorization|password|secret|token|apiKey)$/i;

/** A DICOM UID has at least these components; IP addresses and versions have fewer. */
const UID = /\d+(?:\.\d+){4,}/g;

/**
 * The facts of a log line as they may be written. The rules are a second line of defence: code is not to
 * hand such data to the logger at all.
 */
export function redactFacts(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return redactObject(facts, 0);
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') {
    return redactText(value);
  }
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'bigint' ? value.toString() : value;
  }
  if (depth >= MAX_DEPTH) {
    return '[deep]';
  }
  if (value instanceof Error) {
    return redactError(value, depth);
  }
  if (ArrayBuffer.isView(value)) {
    return REDACTED;
  }
  if (Array.isArray(value)) {
    return value.map((item) => redactValue(item, depth + 1));
  }
  return redactObject(value, depth + 1);
}

function redactObject(object: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).map(([name, value]) => [
      name,
      isForbidden(name) && value !== undefined ? REDACTED : redactValue(value, depth),
    ]),
  );
}

/**
 * Only what is known to be harmless. Errors of drivers carry more properties, and those hold data: the
 * `detail` of a PostgreSQL error quotes the row.
 */
function redactError(error: Error, depth: number): Record<string, unknown> {
  const [, ...frames] = (error.stack ?? '').split('\n    at ');
  return {
    type: error.name,
    message: redactText(error.message),
    ...('code' in error ? { code: redactValue(error.code, depth + 1) } : {}),
    ...(error instanceof PipelineError ? { context: redactObject(error.context, depth + 1) } : {}),
    stack: frames.slice(0, MAX_STACK_FRAMES).map((frame) => redactText(frame)),
    ...(error.cause === undefined ? {} : { cause: redactValue(error.cause, depth + 1) }),
  };
}

function isForbidden(name: string): boolean {
  return PATIENT_DATA.test(name) || MESSAGE_OR_CREDENTIAL.test(name);
}

function redactText(text: string): string {
  return text.replaceAll(UID, REDACTED);
}

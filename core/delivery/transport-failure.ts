import { PipelineError } from '../errors.js';

/** An answer is not read beyond this. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Failures before anything was sent: nothing can have happened over there. */
const NOT_SENT_CODES = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** A thrown error of a connection, as one of ours; those that are ours come back unchanged. */
export function transportError(error: unknown): PipelineError {
  if (error instanceof PipelineError) {
    return error;
  }
  const code = errorCode(error);
  return NOT_SENT_CODES.has(code)
    ? new PipelineError('delivery-unreachable', `the receiver cannot be reached (${code})`, {
        cause: error,
      })
    : new PipelineError('delivery-timeout', `no answer from the receiver (${code})`, {
        cause: error,
      });
}

/**
 * A status that is no success. 429 and the gateway's 502, 503 and 504 ask for a pause; what the request itself
 * is to blame for (400, 409, 413, 415, 422) is final.
 */
export function httpFailure(
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  nowMs: number,
): PipelineError {
  const retryAfterMs = parseRetryAfterMs(headers['retry-after'], nowMs);
  const context = { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  const code = [429, 502, 503, 504].includes(status)
    ? 'delivery-busy'
    : [400, 409, 413, 415, 422].includes(status)
      ? 'delivery-rejected'
      : 'delivery-failed';
  return new PipelineError(code, `the receiver answered ${status}`, { context });
}

/** The body of an answer up to a limit; what is longer is no answer of a well-meaning receiver. */
export async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) {
      break;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Seconds or an HTTP date (RFC 9110 10.2.3), as milliseconds from now. */
export function parseRetryAfterMs(
  header: string | string[] | undefined,
  nowMs: number,
): number | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined) {
    return undefined;
  }
  if (/^\d+$/.test(text.trim())) {
    return Number(text) * 1000;
  }
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

function errorCode(error: unknown): string {
  if (!(error instanceof Error)) {
    return 'unknown';
  }
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

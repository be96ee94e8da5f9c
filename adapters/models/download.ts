import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { EnvHttpProxyAgent, fetch, type Response } from 'undici';

import { PipelineError } from '../../core/errors.js';

/** Above any classifier; an endless answer must not fill the disk. */
const MAX_BYTES = 2 ** 31;
/** Attempts in a row that bring no byte; one that does starts the count again. */
const MAX_FRUITLESS = 4;
const FIRST_WAIT_MS = 500;
const SILENCE_MS = 60_000;

/** Environment variables of a proxy, lower or upper case, as curl reads them. */
export interface ProxySettings {
  readonly httpProxy?: string | undefined;
  readonly httpsProxy?: string | undefined;
  readonly noProxy?: string | undefined;
}

export interface DownloadOptions {
  readonly proxy: ProxySettings;
  readonly sizeBytes?: number | undefined;
  readonly sha256?: string | undefined;
  readonly onProgress?: (receivedBytes: number, totalBytes: number | undefined) => void;
  readonly signal?: AbortSignal;
  /** First pause before another attempt; it doubles each time. */
  readonly firstWaitMs?: number;
}

/**
 * Downloads to a file. What has arrived stays in `<path>.part`, and the next attempt, or the next call, asks
 * for the rest of it. The file gets its name when it is whole and its SHA-256 is the given one.
 *
 * Throws `download-failed` or, when whole and other bytes, `model-hash-mismatch`.
 */
export async function download(
  url: string,
  path: string,
  options: DownloadOptions,
): Promise<{ readonly sha256: string; readonly sizeBytes: number }> {
  const part = `${path}.part`;
  await mkdir(dirname(path), { recursive: true });
  const dispatcher = new EnvHttpProxyAgent({
    ...withoutUndefined(options.proxy),
    headersTimeout: SILENCE_MS,
    bodyTimeout: SILENCE_MS,
  });
  try {
    await fetchAll({ url, part, dispatcher, options });
  } finally {
    // Whatever is still open belongs to an attempt that was given up.
    await dispatcher.destroy();
  }
  const found = await describeFile(part);
  if (options.sha256 !== undefined && found.sha256 !== options.sha256) {
    await rm(part);
    throw new PipelineError(
      'model-hash-mismatch',
      `${url} gave a file with the SHA-256 ${found.sha256}, expected ${options.sha256}. It was deleted.`,
    );
  }
  await rename(part, path);
  return found;
}

/** Size and SHA-256 of a file. */
export async function describeFile(
  path: string,
): Promise<{ readonly sha256: string; readonly sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}

interface Transfer {
  readonly url: string;
  readonly part: string;
  readonly dispatcher: EnvHttpProxyAgent;
  readonly options: DownloadOptions;
}

async function fetchAll(transfer: Transfer): Promise<void> {
  const { url, part, options } = transfer;
  let fruitless = 0;
  for (;;) {
    const before = await sizeOf(part);
    try {
      if (await fetchRest(transfer, before)) {
        return;
      }
      throw new Error('the connection ended early');
    } catch (cause) {
      options.signal?.throwIfAborted();
      if (cause instanceof PipelineError) {
        throw cause;
      }
      throwIfUntrusted(url, cause);
      fruitless = (await sizeOf(part)) > before ? 0 : fruitless + 1;
      if (fruitless >= MAX_FRUITLESS) {
        throw unreachable(url, cause);
      }
    }
    const waitMs = (options.firstWaitMs ?? FIRST_WAIT_MS) * 2 ** fruitless;
    await delay(waitMs, undefined, options.signal ? { signal: options.signal } : {});
  }
}

/** One request for what is missing. True when the file is whole; throws PipelineError when trying again is vain. */
async function fetchRest(
  { url, part, dispatcher, options }: Transfer,
  have: number,
): Promise<boolean> {
  const response = await fetch(url, {
    dispatcher,
    headers: {
      'accept-encoding': 'identity',
      ...(have > 0 && { range: `bytes=${have}-` }),
    },
    signal: options.signal ?? null,
  });
  if (url.startsWith('https:') && !response.url.startsWith('https:')) {
    throw new PipelineError('download-failed', `${url} leads to an address without encryption.`);
  }
  if (response.status === 416) {
    // Nothing is missing, or what is there is longer than the file.
    await response.body?.cancel();
    if (totalOf(response, 0) === have) {
      return true;
    }
    await rm(part);
    throw new Error('the part that was there did not fit');
  }
  if (response.status >= 500 || response.status === 429 || response.status === 408) {
    await response.body?.cancel();
    throw new Error(`the server answered ${response.status}`);
  }
  if ((response.status !== 200 && response.status !== 206) || response.body === null) {
    await response.body?.cancel();
    throw new PipelineError('download-failed', `${url} answered ${response.status}.`);
  }
  const start = response.status === 206 ? startOf(response) : 0;
  if (start !== have && start !== 0) {
    await response.body.cancel();
    throw new PipelineError('download-failed', `${url} answered with another part of the file.`);
  }
  const total = totalOf(response, start);
  if ((total ?? 0) > MAX_BYTES || (options.sizeBytes ?? total) !== total) {
    await response.body.cancel();
    throw new PipelineError(
      'download-failed',
      `${url} has ${total ?? 'an unknown number of'} bytes, expected ${options.sizeBytes ?? 'fewer'}.`,
    );
  }
  return append(response.body, part, start, total, options);
}

async function append(
  body: AsyncIterable<Uint8Array>,
  part: string,
  start: number,
  total: number | undefined,
  { onProgress, signal }: DownloadOptions,
): Promise<boolean> {
  // A server that ignores Range begins anew, and so does the file.
  const file = await open(part, start === 0 ? 'w' : 'a');
  let received = start;
  try {
    for await (const chunk of body) {
      signal?.throwIfAborted();
      received += chunk.length;
      if (received > (total ?? MAX_BYTES)) {
        throw new PipelineError('download-failed', 'The server sends more than it has announced.');
      }
      await file.write(chunk);
      onProgress?.(received, total);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return total === undefined || received === total;
}

/** First byte of a 206 answer, of `Content-Range: bytes 5-9/10`. */
function startOf(response: Response): number {
  const [, start] = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '') ?? [];
  return Number(start ?? -1);
}

function totalOf(response: Response, start: number): number | undefined {
  const [, total] = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '') ?? [];
  if (total !== undefined) {
    return Number(total);
  }
  const length = response.headers.get('content-length');
  return length === null ? undefined : start + Number(length);
}

function unreachable(url: string, cause: unknown): PipelineError {
  const { host } = new URL(url);
  return new PipelineError(
    'download-failed',
    `${host} cannot be reached or does not deliver (${deepest(cause).message}). Behind a proxy set HTTPS_PROXY.`,
    { cause },
  );
}

/** Error codes of OpenSSL and Node for a chain that leads to no authority that is known here. */
const UNKNOWN_AUTHORITY =
  /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_(GET_ISSUER_CERT|VERIFY_LEAF)\w*)$/;
/** For a certificate that is wrong whoever has signed it. */
const WRONG_CERTIFICATE = /^(ERR_TLS_CERT_ALTNAME_INVALID|CERT_\w+)$/;

/** Throws `download-failed` for a certificate that is not accepted: trying again is vain. */
function throwIfUntrusted(url: string, cause: unknown): void {
  const { code, message } = deepest(cause);
  const unknown = UNKNOWN_AUTHORITY.test(code);
  if (!unknown && !WRONG_CERTIFICATE.test(code)) {
    return;
  }
  throw new PipelineError(
    'download-failed',
    `The certificate of ${new URL(url).host} is not accepted (${message}). ` +
      (unknown
        ? 'Where a proxy inspects TLS, name its authority: NODE_EXTRA_CA_CERTS=/path/to/ca.pem.'
        : "Check the address, the proxy and this machine's clock."),
    { cause },
  );
}

/** undici says `fetch failed`; the reason is in the cause, or in the first of several. */
function deepest(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return deepest(error.errors[0]);
  }
  if (!(error instanceof Error)) {
    return { code: '', message: 'unknown reason' };
  }
  if (error.cause !== undefined) {
    return deepest(error.cause);
  }
  return { code: 'code' in error ? String(error.code) : '', message: error.message };
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function withoutUndefined(proxy: ProxySettings): { [name in keyof ProxySettings]?: string } {
  // An empty text, unlike an absent one, keeps undici from reading the environment by itself.
  return {
    httpProxy: proxy.httpProxy ?? '',
    httpsProxy: proxy.httpsProxy ?? '',
    noProxy: proxy.noProxy ?? '',
  };
}

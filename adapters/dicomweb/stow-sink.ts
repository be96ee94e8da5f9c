import { Readable } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';

import { Agent, request } from 'undici';

import type { ResultObjectFile } from '../../core/delivery/dicom/result-object.js';
import type { BuildObjects } from '../../core/delivery/result-objects.js';
import type { DeliveryReceipt, ResultSink } from '../../core/delivery/result-sink.js';
import { PipelineError } from '../../core/errors.js';
import type { Clock } from '../../core/time.js';
import { httpFailure, readText, transportError } from '../../core/delivery/transport-failure.js';
import type { AddressGuard } from '../network/address-guard.js';
import { isTransientFailure, readStowAnswer } from './stow-answer.js';

export interface StowSinkOptions {
  readonly name: string;
  /** The service's root: `/studies` is added. */
  readonly url: string;
  readonly timeoutMs: number;
  readonly userAgent: string;
  readonly tls?: ConnectionOptions | undefined;
  /** Value of the header Authorization. */
  readonly authorization?: string | undefined;
  /** Absent: any address may be reached. */
  readonly guard?: AddressGuard | undefined;
}

/**
 * Sends a result's objects by STOW-RS in one streamed request. The UIDs are the same on every attempt, so
 * an archive that has some of them already keeps them.
 */
export function createStowSink(
  deps: { readonly buildObjects: BuildObjects; readonly clock: Clock },
  options: StowSinkOptions,
): ResultSink {
  const agent = new Agent({
    connect: { ...options.tls, timeout: options.timeoutMs, lookup: options.guard?.lookup },
    headersTimeout: options.timeoutMs,
    bodyTimeout: options.timeoutMs,
    keepAliveTimeout: 4_000,
  });
  const url = `${options.url.replace(/\/$/, '')}/studies`;

  return {
    name: options.name,
    async send(delivery) {
      options.guard?.checkHost(new URL(url).hostname);
      const objects = await deps.buildObjects(delivery);
      if (objects.length === 0) {
        return { objects: 0 };
      }
      const boundary = `preread-${delivery.deliveryId}`;
      try {
        const answer = await request(url, {
          method: 'POST',
          dispatcher: agent,
          headers: {
            'content-type': `multipart/related; type="application/dicom"; boundary=${boundary}`,
            accept: 'application/dicom+json',
            'user-agent': options.userAgent,
            ...(options.authorization !== undefined && { authorization: options.authorization }),
          },
          body: Readable.from(multipart(objects, boundary)),
          signal: AbortSignal.timeout(options.timeoutMs),
        });
        const text = await readText(answer.body);
        return judge(answer, text, objects, deps.clock());
      } catch (error) {
        throw transportError(error);
      }
    },
    close: () => agent.close(),
  };
}

function* multipart(objects: readonly ResultObjectFile[], boundary: string): Generator<Buffer> {
  for (const { bytes } of objects) {
    yield Buffer.from(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`);
    yield bytes;
    yield Buffer.from('\r\n');
  }
  yield Buffer.from(`--${boundary}--\r\n`);
}

/**
 * 200 is success, 202 and 409 come with a dataset that says what became of each object: when all failures
 * are final the delivery is, else it is tried again with all objects.
 */
function judge(
  answer: { statusCode: number; headers: Record<string, string | string[] | undefined> },
  text: string,
  objects: readonly ResultObjectFile[],
  nowMs: number,
): DeliveryReceipt {
  const status = answer.statusCode;
  const dataset = readStowAnswer(text);
  const failures = objects.flatMap(
    ({ SOPInstanceUID }) => dataset?.failed.get(SOPInstanceUID) ?? [],
  );
  if (failures.length > 0) {
    const reasons = failures.map((reason) => reason.toString(16).toUpperCase()).join(', ');
    throw new PipelineError(
      failures.some(isTransientFailure) ? 'delivery-failed' : 'delivery-rejected',
      `the archive refused ${failures.length} of ${objects.length} objects (${reasons})`,
      { context: { status } },
    );
  }
  if (status < 200 || status >= 300) {
    throw httpFailure(status, answer.headers, nowMs);
  }
  const stored = objects.filter(({ SOPInstanceUID }) => dataset?.stored.includes(SOPInstanceUID));
  if (dataset !== undefined && dataset.stored.length > 0 && stored.length < objects.length) {
    throw new PipelineError(
      'delivery-failed',
      `the archive acknowledged ${stored.length} of ${objects.length} objects`,
      { context: { status } },
    );
  }
  return { status, objects: objects.length };
}

import type { ConnectionOptions } from 'node:tls';

import { Agent, request } from 'undici';
import { z } from 'zod';

import { buildResultBundle, type BundleOptions } from '../../core/delivery/fhir/result-bundle.js';
import type { ReadSource } from '../../core/delivery/result-objects.js';
import type { ResultSink } from '../../core/delivery/result-sink.js';
import { PipelineError } from '../../core/errors.js';
import type { Clock } from '../../core/time.js';
import { httpFailure, readText, transportError } from '../../core/delivery/transport-failure.js';
import type { AddressGuard } from '../network/address-guard.js';
import { createAuthorizer, type FhirAuth } from './authorize.js';

export interface FhirSinkOptions extends BundleOptions {
  readonly name: string;
  /** The server's base, to which the transaction is posted. */
  readonly url: string;
  readonly auth: FhirAuth;
  readonly timeoutMs: number;
  readonly userAgent: string;
  readonly tls?: ConnectionOptions | undefined;
  /** Absent: any address may be reached. */
  readonly guard?: AddressGuard | undefined;
}

const MEDIA_TYPE = 'application/fhir+json';

const answerSchema = z.looseObject({
  resourceType: z.literal('Bundle'),
  entry: z.array(z.looseObject({ response: z.looseObject({ status: z.string() }).optional() })),
});

/** Posts a result as one transaction: it happens as a whole, or not at all and is tried again. */
export function createFhirSink(
  deps: { readonly readSource: ReadSource; readonly clock: Clock },
  options: FhirSinkOptions,
): ResultSink {
  const { timeoutMs } = options;
  const agent = new Agent({
    connect: { ...options.tls, timeout: timeoutMs, lookup: options.guard?.lookup },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: 4_000,
  });
  const urls = [
    options.url,
    ...(options.auth !== undefined && 'tokenUrl' in options.auth ? [options.auth.tokenUrl] : []),
  ];
  const authorizer = createAuthorizer(
    { clock: deps.clock, dispatcher: agent, timeoutMs },
    options.auth,
  );

  return {
    name: options.name,
    async send(delivery) {
      for (const url of urls) {
        options.guard?.checkHost(new URL(url).hostname);
      }
      const source = await deps.readSource(delivery);
      const bundle = buildResultBundle(delivery.result, source, options);
      try {
        const authorization = await authorizer.header();
        const { statusCode, headers, body } = await request(options.url, {
          method: 'POST',
          dispatcher: agent,
          headers: {
            'content-type': MEDIA_TYPE,
            accept: MEDIA_TYPE,
            'user-agent': options.userAgent,
            ...(authorization !== undefined && { authorization }),
          },
          body: JSON.stringify(bundle),
          signal: AbortSignal.timeout(timeoutMs),
        });
        const text = await readText(body);
        if (statusCode === 401) {
          authorizer.forget();
        }
        if (statusCode < 200 || statusCode >= 300) {
          throw httpFailure(statusCode, headers, deps.clock());
        }
        checkEntries(text);
        return { status: statusCode, resources: bundle.entry.length };
      } catch (error) {
        throw transportError(error);
      }
    },
    close: () => agent.close(),
  };
}

/** A server that takes a transaction apart says of each entry what became of it. */
function checkEntries(text: string): void {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return;
  }
  const { data } = answerSchema.safeParse(json);
  const refused = data?.entry.find(({ response }) => response?.status.startsWith('2') === false);
  if (refused !== undefined) {
    const status = /^\d{3}/.exec(refused.response?.status ?? '')?.[0] ?? 'an unknown status';
    throw new PipelineError('delivery-rejected', `the server answered ${status} to an entry`);
  }
}

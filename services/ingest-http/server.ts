import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, ServerOptions, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

import type { Express } from 'express';

import type { TlsCredentials } from '../../adapters/tls/tls-credentials.js';
import { PipelineError } from '../../core/errors.js';
import { createHealthApp, createIngestApp } from './app.js';
import type { HealthAppDeps, IngestAppDeps, IngestAppOptions } from './app.js';
import { deferContinue } from './http/expect-continue.js';

export interface HttpOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Time for requests in flight at `close`. */
  readonly shutdownMs: number;
  /** Absent for plain HTTP. */
  readonly tls?: TlsCredentials | undefined;
}

export type IngestHttpOptions = HttpOptions & IngestAppOptions;

export interface HttpService {
  readonly url: string;
  /** Takes no more requests, lets those in flight finish, and cuts off what takes too long. Idempotent. */
  close(): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 30_000;
/** Longer than the 60 s of common reverse proxies, which otherwise reuse a connection as it closes. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

export interface IngestHttpService extends HttpService {
  /** The same interface on a port of the loopback interface, without TLS: for commands on this machine. */
  readonly controlUrl: string;
}

/**
 * Starts the HTTP service.
 * @throws PipelineError `config-invalid` when the address cannot be listened on
 */
export async function startIngestHttp(
  deps: IngestAppDeps,
  options: IngestHttpOptions,
): Promise<IngestHttpService> {
  const app = createIngestApp(deps, options);
  const service = await listen(app, options);
  const { shutdownMs } = options;
  const control = await listen(app, { host: '127.0.0.1', port: 0, shutdownMs }).catch(
    async (error: unknown) => {
      await service.close();
      throw error;
    },
  );
  return {
    url: service.url,
    controlUrl: control.url,
    close: async () => {
      await Promise.all([service.close(), control.close()]);
    },
  };
}

/** Starts a service that only tells its health. */
export function startHealthHttp(deps: HealthAppDeps, options: HttpOptions): Promise<HttpService> {
  return listen(createHealthApp(deps), options);
}

/**
 * There is no limit on a request's total time, because a thin line takes long for a large study:
 * `readBody` ends uploads that fall silent instead.
 */
async function listen(app: Express, options: HttpOptions): Promise<HttpService> {
  const limits: ServerOptions = {
    requestTimeout: 0,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  };
  const { tls } = options;
  const server = tls
    ? createHttpsServer({ ...limits, ...tls.current() })
    : createHttpServer(limits);
  const unsubscribe = tls?.onChange((credentials) => {
    if ('setSecureContext' in server) {
      server.setSecureContext(credentials);
    }
  });
  function handle(request: IncomingMessage, response: ServerResponse): void {
    response.once('close', () => {
      // A kept-alive connection becomes idle here; after `close` nobody else would end it.
      if (!server.listening) {
        setImmediate(() => {
          server.closeIdleConnections();
        });
      }
    });
    app(request, response);
  }
  server.on('request', handle);
  server.on('checkContinue', (request, response) => {
    deferContinue(request);
    handle(request, response);
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const where = `${options.host}, port ${options.port}`;
      const message =
        `Cannot listen on ${where} (${error.code ?? error.message}). ` +
        "Set PREREAD_PORT or PREREAD_HOST to an address that is free and this machine's own.";
      reject(new PipelineError('config-invalid', message, { cause: error }));
    };
    server.once('error', fail);
    server.listen(options.port, options.host, () => {
      server.off('error', fail);
      resolve();
    });
  });

  let closing: Promise<void> | undefined;
  return {
    url: urlOf(tls ? 'https' : 'http', server.address() as AddressInfo),
    close: () =>
      (closing ??= new Promise((resolve) => {
        unsubscribe?.();
        const force = setTimeout(() => {
          server.closeAllConnections();
        }, options.shutdownMs);
        server.close(() => {
          clearTimeout(force);
          resolve();
        });
        server.closeIdleConnections();
      })),
  };
}

function urlOf(scheme: 'http' | 'https', { address, family, port }: AddressInfo): string {
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { createServer as createPlainServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

import { acceptAssociation } from '../../adapters/dimse/accept-association.js';
import { createPduChannel } from '../../adapters/dimse/pdu-channel.js';
import type { TlsCredentials } from '../../adapters/tls/tls-credentials.js';
import {
  IMPLEMENTATION_CLASS_UID,
  IMPLEMENTATION_VERSION_NAME,
} from '../../core/dicom/part10-header.js';
import { STORAGE_COMMITMENT_PUSH } from '../../core/dimse/storage-commitment.js';
import { LOCAL_LIMIT_EXCEEDED } from '../../core/dimse/negotiate.js';
import { PipelineError } from '../../core/errors.js';
import { withFacts } from '../../core/log.js';
import { startCommitmentReporter } from './commitment-reporter.js';
import type { Callers, PeerAddress } from './peers.js';
import { mayCall } from './peers.js';
import { acceptedContexts } from './presentation-contexts.js';
import { serveAssociation } from './serve-association.js';
import type { ServeAssociationDeps } from './serve-association.js';

export interface IngestDimseOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** The first is our own; `*` among them answers to any. */
  readonly aeTitles: readonly string[];
  readonly callers: Callers;
  readonly peers: ReadonlyMap<string, PeerAddress>;
  readonly maxAssociations: number;
  readonly maxPduBytes: number;
  readonly maxInstanceBytes: number;
  readonly idleTimeoutMs: number;
  /** For the whole association request. */
  readonly requestTimeoutMs: number;
  /** Time for objects in flight at `close`. */
  readonly shutdownMs: number;
  /** Absent for connections without TLS. */
  readonly tls?: DimseTls | undefined;
}

export interface DimseTls {
  readonly credentials: TlsCredentials;
  /** PEM certificates by one of which a client's must be signed; undefined when clients need none. */
  readonly clientCa: string | undefined;
}

export interface DimseService {
  readonly port: number;
  /** Takes no more associations, finishes the objects in flight, and ends. Idempotent. */
  close(): Promise<void>;
}

/** Connections that have not asked for an association yet, on top of those that have. */
const WAITING_CONNECTIONS = 32;
const HANDSHAKE_TIMEOUT_MS = 15_000;
const DEFAULT_AE_TITLE = 'PREREAD';

/**
 * Starts the DIMSE service: C-STORE, C-ECHO and storage commitment as SCP, and reports on storage commitment as SCU.
 * @throws PipelineError `config-invalid` when the address cannot be listened on
 */
export async function startIngestDimse(
  deps: ServeAssociationDeps,
  options: IngestDimseOptions,
): Promise<DimseService> {
  const { aeTitles, callers, maxPduBytes, tls } = options;
  const ownAeTitle = aeTitles.find((title) => title !== '*') ?? DEFAULT_AE_TITLE;
  const policy = {
    calledAeTitles: aeTitles.includes('*') ? undefined : new Set(aeTitles),
    contexts: acceptedContexts(deps.decodable),
    // Archives report on what we have asked them to commit to.
    served: new Set([STORAGE_COMMITMENT_PUSH]),
    maxPduBytes,
    implementationClassUID: IMPLEMENTATION_CLASS_UID,
    implementationVersionName: IMPLEMENTATION_VERSION_NAME,
  };
  const outgoingTls = tls && {
    ...tls.credentials.current(),
    ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa }),
  };
  const reporter = startCommitmentReporter(deps, {
    peers: options.peers,
    callingAeTitle: ownAeTitle,
    maxPduBytes,
    tls: outgoingTls,
  });
  const connections = new Map<Socket, Promise<void>>();
  const stopping = new AbortController();
  // Each association listens.
  setMaxListeners(0, stopping.signal);
  let associations = 0;
  let closing: Promise<void> | undefined;

  async function serve(socket: Socket): Promise<void> {
    const startedAtMs = deps.clock();
    const logger = withFacts(deps.logger, { associationId: randomUUID() });
    const channel = createPduChannel(socket, maxPduBytes);
    const accepted = await acceptAssociation(
      channel,
      {
        ...policy,
        isKnownCaller: (aeTitle) => mayCall(callers, aeTitle, socket.remoteAddress),
      },
      {
        requestTimeoutMs: options.requestTimeoutMs,
        idleTimeoutMs: options.idleTimeoutMs,
        turnAway: () =>
          associations >= options.maxAssociations || stopping.signal.aborted
            ? LOCAL_LIMIT_EXCEEDED
            : undefined,
      },
    );
    if (accepted.kind === 'refused') {
      const { why, titles } = accepted;
      const { calledAeTitle, callingAeTitle } = titles ?? {};
      const from = socket.remoteAddress;
      logger.warn({ why, calledAeTitle, callingAeTitle, from }, 'association refused');
      return;
    }
    const { association, request } = accepted;
    const { callingAeTitle } = request;
    associations += 1;
    try {
      const summary = await serveAssociation({ ...deps, logger }, association, {
        callingAeTitle,
        maxInstanceBytes: options.maxInstanceBytes,
        peers: options.peers,
        onOrder: () => {
          reporter.wake();
        },
        stopping: stopping.signal,
      });
      const contextsRefused = request.contexts.length - association.contextCount;
      const durationMs = deps.clock() - startedAtMs;
      const facts = { callingAeTitle, contextsRefused, ...summary, durationMs };
      logger[summary.ended === 'released' ? 'info' : 'warn'](facts, 'association');
    } finally {
      associations -= 1;
    }
  }

  function onConnection(socket: Socket): void {
    socket.setNoDelay(true);
    const served = serve(socket)
      .catch((error: unknown) => {
        deps.logger.error({ err: error }, 'association failed');
      })
      .finally(() => {
        connections.delete(socket);
      });
    connections.set(socket, served);
  }

  const server = createServer(tls, onConnection, (error, { remoteAddress: from }) => {
    deps.logger.warn({ err: error, from }, 'TLS handshake failed');
  });
  server.maxConnections = options.maxAssociations + WAITING_CONNECTIONS;
  try {
    await listen(server, options);
  } catch (error) {
    await reporter.close();
    throw error;
  }

  async function closeAll(): Promise<void> {
    stopping.abort();
    const stopped = new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
    });
    const force = setTimeout(() => {
      connections.forEach((_served, socket) => socket.destroy());
    }, options.shutdownMs);
    await Promise.all(connections.values());
    clearTimeout(force);
    connections.forEach((_served, socket) => socket.destroy());
    await stopped;
    await reporter.close();
  }

  return {
    port: (server.address() as AddressInfo).port,
    close: () => (closing ??= closeAll()),
  };
}

function createServer(
  tls: DimseTls | undefined,
  onConnection: (socket: Socket) => void,
  onHandshakeError: (error: Error, socket: Socket) => void,
): Server {
  if (tls === undefined) {
    return createPlainServer(onConnection);
  }
  const { credentials, clientCa } = tls;
  const authority = clientCa === undefined ? {} : { ca: clientCa };
  const server = createTlsServer(
    {
      ...credentials.current(),
      ...authority,
      requestCert: clientCa !== undefined,
      // Looked at below: Node itself would end the connection without a word of why and of whose it was.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    },
    (socket) => {
      if (clientCa === undefined || socket.authorized) {
        onConnection(socket);
        return;
      }
      const why = String(socket.authorizationError);
      onHandshakeError(new Error(`the client's certificate is missing or refused: ${why}`), socket);
      socket.destroy();
    },
  );
  server.on('tlsClientError', onHandshakeError);
  const unsubscribe = credentials.onChange((changed) => {
    server.setSecureContext({ ...changed, ...authority });
  });
  server.once('close', unsubscribe);
  return server;
}

function listen(server: Server, { host, port }: IngestDimseOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const message =
        `Cannot listen for DIMSE on ${host}, port ${port} (${error.code ?? error.message}). ` +
        "Set PREREAD_DIMSE_PORT or PREREAD_DIMSE_HOST to an address that is free and this machine's own.";
      reject(new PipelineError('config-invalid', message, { cause: error }));
    };
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

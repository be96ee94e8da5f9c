import { randomUUID } from 'node:crypto';
import { access as accessFile, readFile } from 'node:fs/promises';

import { readCommitmentReport } from '../../adapters/dicom/read-commitment.js';
import { createImageDecoder } from '../../adapters/dicom/rendering/image-decoder.js';
import { readBounded } from '../../adapters/dicom/rendering/read-object.js';
import { readGuarded } from '../../adapters/storage/guarded-file.js';
import { createStorageGuard } from '../../adapters/storage/storage-guard.js';
import { openTlsCredentials } from '../../adapters/tls/tls-credentials.js';
import type { TlsCredentials } from '../../adapters/tls/tls-credentials.js';
import { PipelineError } from '../../core/errors.js';
import type { PipelineMetrics } from '../../core/metrics.js';
import { traceIdFromUuid } from '../../core/trace.js';
import { ingestInstance } from '../../core/use-cases/ingest-instance.js';
import { startIngestDimse } from '../../services/ingest-dimse/server.js';
import type { DimseService, DimseTls } from '../../services/ingest-dimse/server.js';
import { openFinishedFiles } from '../../services/ingest-folder/finished-files.js';
import { watchFolder } from '../../services/ingest-folder/watch-folder.js';
import type { IngestAppDeps } from '../../services/ingest-http/app.js';
import { startIngestHttp } from '../../services/ingest-http/server.js';
import type { HttpOptions } from '../../services/ingest-http/server.js';
import { removeControlFile, writeControlFile } from '../remote/control-file.js';
import type { Closers } from './closers.js';
import type { ServeConfig } from './config.js';
import { isLoopback } from './is-loopback.js';
import type { Access } from './open-access.js';
import { WATCH_THREADS, type Stores } from './open-stores.js';
import { createResultObjects, type ObjectsForm } from './result-objects.js';

/** A modality that has connected says within this what it wants. */
const ASSOCIATION_REQUEST_TIMEOUT_MS = 30_000;

/** A page of a viewer's list; more are told to come back. */
const MAX_WAITING_PICTURES = 100;

export interface StartedIngest {
  readonly url: string;
  /** Absent when there is no DIMSE service. */
  readonly dimsePort: number | undefined;
}

/** Opens the roads by which objects come in. Whatever it opens, `closers` closes. */
export async function startIngest(
  given: Omit<IngestAppDeps, 'decoder' | 'findSource' | 'resultObjects'> & {
    readonly access: Access;
    readonly formOfObjects: () => Promise<ObjectsForm>;
    readonly metrics: PipelineMetrics;
  },
  stores: Stores,
  config: ServeConfig,
  address: HttpOptions,
  closers: Closers,
): Promise<StartedIngest> {
  const decoder = createImageDecoder({
    readFile: (path) => stores.objects.guarded(() => readBounded(path)),
    maxWaiting: MAX_WAITING_PICTURES,
    background: true,
  });
  closers.add(() => decoder.close());
  const results = createResultObjects(stores);
  const deps = {
    ...given,
    decoder,
    findSource: results.findSource,
    resultObjects: results.readable(given.formOfObjects, (path) => decoder.picture({ path }, 0)),
  };
  const tls = await openTls(deps, config, closers);
  if (!isLoopback(config.PREREAD_HOST) && tls === undefined) {
    deps.logger.warn(
      {},
      'HTTP beyond this machine is not encrypted: set PREREAD_TLS_CERT and PREREAD_TLS_KEY, or use a proxy',
    );
  }
  const http = await startIngestHttp(deps, {
    ...address,
    tls,
    requestsPerMinute: config.PREREAD_RATE_LIMIT_PER_MINUTE,
    maxRoutineWaitMs: config.PREREAD_WORKLIST_MAX_WAIT_MINUTES * 60_000,
    maxInstanceBytes: config.PREREAD_MAX_INSTANCE_BYTES,
    maxRequestBytes: config.PREREAD_MAX_REQUEST_BYTES,
    maxStoreRequests: config.PREREAD_MAX_STORE_REQUESTS,
    idleTimeoutMs: config.PREREAD_HTTP_IDLE_TIMEOUT_MS,
    publicUrl: config.PREREAD_PUBLIC_URL,
    patientIdentifierSystem: config.PREREAD_FHIR_PATIENT_SYSTEM,
  });
  closers.add(() => http.close());
  const dimse = await startDimse(deps, stores, config, tls);
  if (dimse !== undefined) {
    closers.add(() => dimse.close());
  }
  await startWatch(deps, config, closers);
  if (stores.embedded) {
    const control = { url: http.controlUrl, token: deps.access.controlToken };
    await writeControlFile(config.PREREAD_DATA_DIR, control);
    closers.add(() => removeControlFile(config.PREREAD_DATA_DIR));
  }
  return { url: http.url, dimsePort: dimse?.port };
}

async function startDimse(
  deps: IngestAppDeps & { readonly metrics: PipelineMetrics },
  { commitments, sentCommitments, objects }: Stores,
  config: ServeConfig,
  tls: TlsCredentials | undefined,
): Promise<DimseService | undefined> {
  const { PREREAD_DIMSE_PORT: port, PREREAD_DIMSE_CALLERS: callers } = config;
  if (port === undefined) {
    return undefined;
  }
  return startIngestDimse(
    {
      ...deps,
      commitments,
      sentCommitments,
      readReport: readCommitmentReport,
      hasFile: (key) =>
        objects.guarded(() =>
          accessFile(objects.path(key)).then(
            () => true,
            () => false,
          ),
        ),
    },
    {
      host: config.PREREAD_DIMSE_HOST,
      port,
      aeTitles: config.PREREAD_DIMSE_AE_TITLES,
      callers: callers ?? 'everybody',
      peers: config.PREREAD_DIMSE_PEERS,
      maxAssociations: config.PREREAD_DIMSE_MAX_ASSOCIATIONS,
      maxPduBytes: config.PREREAD_DIMSE_MAX_PDU_BYTES,
      maxInstanceBytes: config.PREREAD_MAX_INSTANCE_BYTES,
      idleTimeoutMs: config.PREREAD_DIMSE_IDLE_TIMEOUT_MS,
      requestTimeoutMs: ASSOCIATION_REQUEST_TIMEOUT_MS,
      shutdownMs: config.PREREAD_HTTP_SHUTDOWN_MS,
      tls: config.PREREAD_DIMSE_TLS && tls ? await dimseTls(tls, config) : undefined,
    },
  );
}

async function startWatch(
  deps: IngestAppDeps,
  config: ServeConfig,
  closers: Closers,
): Promise<void> {
  const { PREREAD_WATCH_DIR: folder } = config;
  if (folder === undefined) {
    return;
  }
  const finished = await openFinishedFiles({
    folder,
    keep: config.PREREAD_WATCH_KEEP,
    stateFolder: config.PREREAD_DATA_DIR,
  });
  closers.add(() => finished.close());
  const guard = createStorageGuard({
    what: 'watched folder',
    timeLimitMs: config.PREREAD_STORAGE_TIMEOUT_MS,
    maxInFlight: WATCH_THREADS,
  });
  const watching = watchFolder(
    {
      takeIn: async (path) => {
        const outcome = await ingestInstance(deps, {
          bytes: readGuarded(guard, path),
          maxBytes: config.PREREAD_MAX_INSTANCE_BYTES,
          traceId: traceIdFromUuid(randomUUID()),
        });
        if (outcome.kind === 'failed') {
          throw outcome.error;
        }
      },
      guard,
      finished,
      logger: deps.logger,
      clock: deps.clock,
    },
    {
      folder,
      intervalMs: config.PREREAD_WATCH_INTERVAL_MS,
      settleMs: config.PREREAD_WATCH_SETTLE_MS,
    },
  );
  closers.add(() => watching.close());
}

async function dimseTls(
  credentials: TlsCredentials,
  { PREREAD_DIMSE_TLS_CLIENT_CA: file }: ServeConfig,
): Promise<DimseTls> {
  if (file === undefined) {
    return { credentials, clientCa: undefined };
  }
  try {
    return { credentials, clientCa: await readFile(file, 'utf8') };
  } catch (cause) {
    const message = `PREREAD_DIMSE_TLS_CLIENT_CA (${file}) cannot be read.`;
    throw new PipelineError('config-invalid', message, { cause });
  }
}

async function openTls(
  deps: Pick<IngestAppDeps, 'logger'>,
  { PREREAD_TLS_CERT: cert, PREREAD_TLS_KEY: key }: ServeConfig,
  closers: Closers,
): Promise<TlsCredentials | undefined> {
  if (cert === undefined || key === undefined) {
    return undefined;
  }
  const tls = await openTlsCredentials(deps, { cert, key });
  closers.add(() => {
    tls.close();
  });
  return tls;
}

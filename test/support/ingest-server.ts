import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';

import { createStudyHolds } from '../../adapters/database/study-hold.js';
import { createResultObjects } from '../../cli/serve/result-objects.js';
import {
  createApiDestinations,
  type ApiDestinationsOptions,
} from '../../adapters/destinations/api-destinations.js';
import { createDestinations } from '../../adapters/destinations/live-destinations.js';
import { inspectFile } from '../../adapters/dicom/identify-file.js';
import { createImageDecoder } from '../../adapters/dicom/rendering/image-decoder.js';
import { readBounded } from '../../adapters/dicom/rendering/read-object.js';
import { readStudyInstanceUID } from '../../adapters/dicom/read-study-uid.js';
import { createLogger } from '../../adapters/observability/logger.js';
import { createLocalObjectStore } from '../../adapters/storage/local-object-store.js';
import type { LocalObjectStore } from '../../adapters/storage/local-object-store.js';
import type { KeyStore } from '../../core/access/key-store.js';
import type { SetDestination } from '../../core/delivery/destinations.js';
import type { TransferSyntaxUid } from '../../core/dicom/transfer-syntaxes.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import type { IngestAppDeps } from '../../services/ingest-http/app.js';
import { startIngestHttp } from '../../services/ingest-http/server.js';
import type { HttpService, IngestHttpOptions } from '../../services/ingest-http/server.js';
import { readStoreAnswer } from './dicom-json.js';
import type { StoreAnswer } from './dicom-json.js';
import type { TestStudies } from './studies.js';

const MIB = 1024 ** 2;
export const DECODABLE: ReadonlySet<TransferSyntaxUid> = new Set([
  '1.2.840.10008.1.2',
  '1.2.840.10008.1.2.1',
  '1.2.840.10008.1.2.4.50',
]);

/** For suites that are not about keys: there are none, and none are needed on this machine. */
const NO_KEYS: KeyStore = {
  add: () => Promise.reject(new Error('this suite has no keys')),
  find: () => Promise.resolve(undefined),
  list: () => Promise.resolve([]),
  revoke: () => Promise.resolve(false),
  touch: () => Promise.resolve(),
  countActive: () => Promise.resolve(0),
};

const NO_QUEUE = { depth: () => Promise.reject(new Error('this suite has no queue')) };

export type IngestServerOptions = Partial<IngestHttpOptions> &
  Partial<Pick<IngestAppDeps, 'keys' | 'access' | 'decodable'>> & {
    /** Adds the resources for who operates; there is no queue behind them. */
    readonly operations?: Pick<TestStudies, 'operations' | 'destinationStore'>;
    /** The destinations of its configuration, and how it takes those of the API. */
    readonly declared?: readonly SetDestination[];
    readonly apiDestinations?: Partial<ApiDestinationsOptions>;
    /** Of each operation on the object store. */
    readonly storageTimeLimitMs?: number;
  };

export interface IngestServer extends HttpService {
  readonly port: number;
  readonly objects: LocalObjectStore;
  /** Everything that was logged. */
  log(): string;
  post(path: string, body: Uint8Array, headers: Record<string, string>): Promise<StorePost>;
  /** Names of the files that are being received or were left behind. */
  staged(): string[];
}

export interface StorePost {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Only of answers that are datasets. */
  readonly answer: StoreAnswer;
}

/** The HTTP service on a free port, on a real object store and the given database. */
export async function startIngestServer(
  dataFolder: string,
  studies: StudyStore,
  {
    keys,
    access,
    operations,
    declared = [],
    apiDestinations,
    decodable = DECODABLE,
    storageTimeLimitMs = 30_000,
    ...options
  }: IngestServerOptions = {},
): Promise<IngestServer> {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const logger = createLogger({ PREREAD_LOG_LEVEL: 'debug', PREREAD_LOG_FORMAT: 'json' }, stream);
  const objects = createLocalObjectStore({
    dataFolder,
    minFreeBytes: 0,
    timeLimitMs: storageTimeLimitMs,
  });
  const results = createResultObjects({ store: studies, objects });
  const decoder = createImageDecoder({
    readFile: (path) => objects.guarded(() => readBounded(path)),
    maxWaiting: 64,
    background: true,
  });
  const api = createApiDestinations({
    env: {},
    secretsFolder: '/run/secrets',
    allowNetworks: [],
    sends: true,
    ...apiDestinations,
  });
  const http = await startIngestHttp(
    {
      keys: keys ?? NO_KEYS,
      access: access ?? { trustLoopback: true, isControlToken: () => false },
      objects,
      decoder,
      studies,
      holds: createStudyHolds({ studies, readStudyInstanceUID, clock: Date.now }),
      findSource: results.findSource,
      resultObjects: results.readable(
        () => Promise.resolve({ report: 'comprehensive-3d-sr', language: 'en' }),
        (path) => decoder.picture({ path }, 0),
      ),
      inspectFile,
      decodable,
      clock: Date.now,
      logger,
      ...(operations && {
        operations: {
          ...operations,
          queue: NO_QUEUE,
          objects,
          checkDestination: api.check,
          destinations: createDestinations(
            { store: operations.destinationStore, read: api.read, clock: Date.now, logger },
            declared,
          ),
        },
      }),
      page: { contentType: 'text/plain', text: () => Promise.resolve('') },
      readiness: [
        {
          name: 'database',
          check: () => studies.ping(),
          whenSilent: 'database-unavailable',
        },
        { name: 'objects', check: () => objects.check(), whenSilent: 'storage-unavailable' },
      ],
    },
    {
      host: '127.0.0.1',
      port: 0,
      shutdownMs: 2_000,
      maxInstanceBytes: 8 * MIB,
      maxRequestBytes: 32 * MIB,
      maxStoreRequests: 64,
      idleTimeoutMs: 10_000,
      publicUrl: undefined,
      patientIdentifierSystem: undefined,
      requestsPerMinute: 6_000,
      maxRoutineWaitMs: 7_200_000,
      ...options,
    },
  );
  return {
    ...http,
    async close() {
      await http.close();
      await decoder.close();
    },
    port: Number(new URL(http.url).port),
    objects,
    log: () => lines.join(''),
    async post(path, body, headers) {
      const response = await fetch(`${http.url}${path}`, { method: 'POST', body, headers });
      const text = await response.text();
      const isDataset = response.headers.get('content-type') === 'application/dicom+json';
      const answer = readStoreAnswer(isDataset ? text : '{}');
      return { status: response.status, headers: response.headers, text, answer };
    },
    staged: () => readdirSync(join(dataFolder, 'staging')),
  };
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';

import { onTestFinished } from 'vitest';

import { createStudyHolds } from '../../adapters/database/study-hold.js';
import { DECODABLE_TRANSFER_SYNTAXES } from '../../adapters/dicom/decoders/registry.js';
import { findDataSet } from '../../adapters/dicom/file-meta.js';
import { readCommitmentReport } from '../../adapters/dicom/read-commitment.js';
import { createSameObjectFinder } from '../../adapters/dicom/find-same-object.js';
import { inspectFile } from '../../adapters/dicom/identify-file.js';
import { readStudyInstanceUID } from '../../adapters/dicom/read-study-uid.js';
import { createLogger } from '../../adapters/observability/logger.js';
import { createLocalObjectStore } from '../../adapters/storage/local-object-store.js';
import { startIngestDimse } from '../../services/ingest-dimse/server.js';
import type { DimseService, IngestDimseOptions } from '../../services/ingest-dimse/server.js';
import type { TestStudies } from './studies.js';

const MIB = 1024 ** 2;

export interface DimseServer extends DimseService {
  readonly log: () => string;
  readonly staged: () => string[];
  /** The object's data set as it is on disk, without preamble and meta information. */
  dataSetOf(objectKey: string): Buffer;
}

/** The DIMSE service on a free port for the running test, on a real object store and the given database. */
export async function startDimseServer(
  dataFolder: string,
  { studies, commitments, sentCommitments }: TestStudies,
  options: Partial<IngestDimseOptions> & {
    readonly minFreeBytes?: number;
    /** False: no file is there when it is asked for. */
    readonly keepsFiles?: boolean;
    readonly checkBacklog?: () => Promise<void>;
  } = {},
): Promise<DimseServer> {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const logger = createLogger({ PREREAD_LOG_LEVEL: 'debug', PREREAD_LOG_FORMAT: 'json' }, stream);
  const { minFreeBytes = 0, keepsFiles = true, checkBacklog, ...rest } = options;
  const objects = createLocalObjectStore({ dataFolder, minFreeBytes });
  const service = await startIngestDimse(
    {
      objects,
      studies,
      commitments,
      sentCommitments,
      readReport: readCommitmentReport,
      ...(checkBacklog ? { checkBacklog } : {}),
      inspectFile,
      findSameObject: createSameObjectFinder({ objects, studies }),
      decodable: DECODABLE_TRANSFER_SYNTAXES,
      hasFile: (key) => Promise.resolve(keepsFiles && existsSync(objects.path(key))),
      holds: createStudyHolds({ studies, readStudyInstanceUID, clock: Date.now }),
      clock: Date.now,
      logger,
    },
    {
      host: '127.0.0.1',
      port: 0,
      aeTitles: ['PREREAD'],
      callers: 'everybody',
      peers: new Map(),
      maxAssociations: 16,
      maxPduBytes: 65_536,
      maxInstanceBytes: 32 * MIB,
      idleTimeoutMs: 60_000,
      requestTimeoutMs: 60_000,
      shutdownMs: 5_000,
      ...rest,
    },
  );
  onTestFinished(() => service.close());
  return {
    ...service,
    log: () => text,
    staged: () => {
      const folder = join(dataFolder, 'staging');
      return existsSync(folder) ? readdirSync(folder) : [];
    },
    dataSetOf(objectKey) {
      const bytes = readFileSync(objects.path(objectKey));
      return bytes.subarray(findDataSet(bytes, false)?.offset ?? 0);
    },
  };
}

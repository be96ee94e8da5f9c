import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll } from 'vitest';

import { startIngestServer, type IngestServer, type IngestServerOptions } from './ingest-server.js';
import { openStudies, type TestStudies } from './studies.js';

export interface IngestFixture {
  readonly folder: string;
  readonly database: TestStudies;
  readonly server: IngestServer;
}

/** A folder, an embedded database and the HTTP service on them for the tests of a file. */
export function useIngestServer(
  optionsFor: (database: TestStudies) => IngestServerOptions = () => ({}),
): () => IngestFixture {
  let fixture: IngestFixture;

  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'preread-ingest-'));
    const database = await openStudies();
    const server = await startIngestServer(folder, database.studies, optionsFor(database));
    fixture = { folder, database, server };
  });

  afterAll(async () => {
    await fixture.server.close();
    await fixture.database.close();
    await rm(fixture.folder, { recursive: true });
  });

  return () => fixture;
}

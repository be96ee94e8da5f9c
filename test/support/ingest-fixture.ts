import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll } from 'vitest';

import type { StoredInstance } from '../../core/storage/study-store.js';
import { MULTIPART } from './chest-sender.js';
import { startIngestServer, type IngestServer, type IngestServerOptions } from './ingest-server.js';
import { openStudies, type TestStudies } from './studies.js';

/** What senders say of what they send. */
export const SINGLE = { 'Content-Type': 'application/dicom' };
export const MULTI = { 'Content-Type': MULTIPART };
export const STUDIES = '/dicom-web/studies';

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

/** What the database has of a study. */
export async function instancesOf(
  { studies }: Pick<TestStudies, 'studies'>,
  StudyInstanceUID: string,
): Promise<readonly StoredInstance[]> {
  return (await studies.findStudy(StudyInstanceUID))?.instances ?? [];
}

/** How many objects the store holds. */
export async function objectCount({ objects }: IngestServer): Promise<number> {
  let count = 0;
  for await (const key of objects.keys()) {
    count += key === '' ? 0 : 1;
  }
  return count;
}

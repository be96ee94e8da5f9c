import { afterAll, beforeAll } from 'vitest';

import { MULTIPART } from './chest-sender.js';
import { startIngestServer, type IngestServer, type IngestServerOptions } from './ingest-server.js';
import type { TestStudies } from './studies.js';
import { useStudies, type StudiesFixture } from './studies-fixture.js';

/** What senders say of what they send. */
export const SINGLE = { 'Content-Type': 'application/dicom' };
export const MULTI = { 'Content-Type': MULTIPART };
export const STUDIES = '/dicom-web/studies';

export interface IngestFixture extends StudiesFixture {
  readonly server: IngestServer;
}

/** A folder, an embedded database and the HTTP service on them for the tests of a file. */
export function useIngestServer(
  optionsFor: (database: TestStudies) => IngestServerOptions = () => ({}),
): () => IngestFixture {
  const studies = useStudies();
  let server: IngestServer;

  beforeAll(async () => {
    const { folder, database } = studies();
    server = await startIngestServer(folder, database.studies, optionsFor(database));
  });

  afterAll(() => server.close());

  return () => ({ ...studies(), server });
}

/** How many objects the store holds. */
export async function objectCount({ objects }: IngestServer): Promise<number> {
  let count = 0;
  for await (const key of objects.keys()) {
    count += key === '' ? 0 : 1;
  }
  return count;
}

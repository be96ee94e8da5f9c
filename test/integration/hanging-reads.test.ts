import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { DECODABLE_TRANSFER_SYNTAXES } from '../../adapters/dicom/decoders/registry.js';
import { inspectFile } from '../../adapters/dicom/identify-file.js';
import { createLocalObjectStore } from '../../adapters/storage/local-object-store.js';
import { startReconciliation } from '../../cli/serve/reconcile-objects.js';
import { silentLogger } from '../../core/log.js';
import { newChest } from '../support/chest-sender.js';
import { eventually } from '../support/eventually.js';
import { hangingFile } from '../support/hanging-file.js';
import { startIngestServer } from '../support/ingest-server.js';
import { storeReportedStudy } from '../support/reported-study.js';
import { REPORT_UIDS } from '../support/sample-report.js';
import { openStudies, type TestStudies } from '../support/studies.js';
import { temporaryFolder } from '../support/temp-folder.js';

const TIME_LIMIT_MS = 300;

let database: TestStudies;
beforeAll(async () => {
  database = await openStudies();
});
afterAll(() => database.close());

/** Node has four threads for files. One that reads another file shows that they are not all held. */
async function expectFreeThread(): Promise<void> {
  const path = join(temporaryFolder(), 'other');
  await writeFile(path, 'read');
  expect(await readFile(path, 'utf8')).toBe('read');
}

describe('a stored image whose file hangs', () => {
  it('is refused with 503 on every road that reads it, holds up nothing else, and is read when it answers again', async () => {
    const server = await startIngestServer(temporaryFolder(), database.studies, {
      storageTimeLimitMs: TIME_LIMIT_MS,
    });
    onTestFinished(() => server.close());
    await storeReportedStudy(server, database.studies);
    const { StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID } = REPORT_UIDS;
    const found = await database.studies.findStudy(StudyInstanceUID);
    const release = hangingFile(server.objects.path(found?.instances[0]?.objectKey ?? ''));

    const study = `/dicom-web/studies/${StudyInstanceUID}`;
    const instance = `${study}/series/${SeriesInstanceUID}/instances/${SOPInstanceUID}`;
    const roads: readonly (readonly [path: string, accept: string])[] = [
      [instance, 'application/dicom'],
      [study, 'multipart/related; type="application/dicom"'],
      [`${instance}/metadata`, 'application/dicom+json'],
      [`${instance}/frames/1`, 'multipart/related; type="application/octet-stream"'],
      [`${instance}/rendered`, 'image/jpeg'],
      [`${study}/thumbnail`, 'image/png'],
      [`${study}/series`, 'application/dicom+json'],
      [`/dicom-web/studies?StudyInstanceUID=${StudyInstanceUID}`, 'application/dicom+json'],
    ];
    const get = async ([path, accept]: (typeof roads)[number]) => {
      const response = await fetch(`${server.url}${path}`, { headers: { accept } });
      return { path, status: response.status, text: await response.text() };
    };

    // One after the other, then at once and more than there are threads.
    for (const answers of [
      [await get(roads[0]!)],
      await Promise.all([...roads, ...roads].map(get)),
    ]) {
      for (const { path, status, text } of answers) {
        expect(status, `${path}: ${text}`).toBe(503);
        expect(text).toContain('storage-unavailable');
      }
    }
    await expectFreeThread();
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${server.url}/api/v1/studies/${StudyInstanceUID}`)).status).toBe(200);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);

    release();
    await eventually(async () => {
      for (const { path, status, text } of await Promise.all(roads.map(get))) {
        expect(status, `${path}: ${text.slice(0, 200)}`).toBe(200);
      }
    });
  });
});

describe('the start, when a stored object hangs', () => {
  it('is not held up, says so, and takes the object in when it answers again', async () => {
    const objects = createLocalObjectStore({
      dataFolder: temporaryFolder(),
      minFreeBytes: 0,
      timeLimitMs: TIME_LIMIT_MS,
    });
    const chests = [newChest(), newChest()];
    const keys: string[] = [];
    for (const { bytes } of chests) {
      const staged = await objects.stage(one(bytes), { maxBytes: bytes.length });
      keys.push(await staged.commit());
    }
    const release = hangingFile(objects.path(keys[0]!));
    const errors: unknown[] = [];
    const reconciliation = startReconciliation(
      {
        objects,
        studies: database.studies,
        operations: { purgedObjectKeys: () => Promise.resolve([]) },
        inspectFile,
        decodable: DECODABLE_TRANSFER_SYNTAXES,
        clock: Date.now,
        logger: {
          ...silentLogger,
          error: ({ err }) => errors.push(err),
        },
      },
      50,
    );
    onTestFinished(() => reconciliation.close());

    await reconciliation.first;
    expect(errors).toContainEqual(expect.objectContaining({ code: 'storage-unavailable' }));
    expect(await database.studies.findStudy(chests[0]!.StudyInstanceUID)).toBeUndefined();
    await expectFreeThread();

    release();
    await eventually(async () => {
      for (const { StudyInstanceUID } of chests) {
        expect((await database.studies.findStudy(StudyInstanceUID))?.instances).toHaveLength(1);
      }
    });
  });
});

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

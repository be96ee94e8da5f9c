/**
 * Run as a process of its own: stores objects and records their instances, four at a time, until it is
 * killed. Prints one line for each that it has acknowledged: instance id, object key.
 * Argument: data folder.
 */
import { randomBytes } from 'node:crypto';

import { openDatabase } from '../../adapters/database/open-database.js';
import { createStudyStore } from '../../adapters/database/study-store/study-store.js';
import { createLocalObjectStore } from '../../adapters/storage/local-object-store.js';
import { silentLogger } from '../../core/log.js';
import { newUid, sampleInstance, sampleOutcome, sampleTimes } from './sample-study.js';

const dataFolder = process.argv[2] ?? '';
const database = await openDatabase(
  { logger: silentLogger, clock: Date.now },
  { kind: 'embedded', dataFolder },
);
const store = createStudyStore({ pool: database.pool, clock: Date.now }, {});
const objects = createLocalObjectStore({ dataFolder, minFreeBytes: 0 });
const StudyInstanceUID = newUid();

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

async function ingest(): Promise<void> {
  const staged = await objects.stage(oneChunk(randomBytes(20_000)), { maxBytes: 20_000 });
  const objectKey = await staged.commit();
  const instance = { ...sampleInstance({ StudyInstanceUID, sha256: staged.sha256 }), objectKey };
  const { instanceId } = await store.recordInstance(instance);
  console.log(`${instanceId} ${objectKey}`);
  await store.recordOutcome(instanceId, sampleOutcome, sampleTimes, 0);
}

await Promise.all(
  Array.from({ length: 4 }, async () => {
    for (;;) {
      await ingest();
    }
  }),
);

import { createReadStream } from 'node:fs';

import type { Logger } from '../../core/log.js';
import type { ObjectStore } from '../../core/storage/object-store.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import { ingestInstance, type IngestInstanceDeps } from '../../core/use-cases/ingest-instance.js';

const BATCH = 500;

/**
 * Takes in every stored object that the database does not know: what a power loss took from the database, and
 * what was stored in the instant before a process died. Returns how many were taken in.
 */
export async function recoverObjects(
  deps: IngestInstanceDeps & {
    readonly objects: ObjectStore;
    readonly studies: Pick<StudyStore, 'recordInstance' | 'unknownObjectKeys'>;
    readonly logger: Logger;
  },
): Promise<number> {
  let recovered = 0;
  let batch: string[] = [];
  const takeIn = async (): Promise<void> => {
    for (const key of await deps.studies.unknownObjectKeys(batch)) {
      const outcome = await ingestInstance(deps, {
        bytes: createReadStream(deps.objects.path(key)),
        maxBytes: Number.MAX_SAFE_INTEGER,
      });
      recovered += outcome.kind === 'stored' ? 1 : 0;
    }
    batch = [];
  };
  for await (const key of deps.objects.keys()) {
    batch.push(key);
    if (batch.length === BATCH) {
      await takeIn();
    }
  }
  await takeIn();
  if (recovered > 0) {
    deps.logger.warn(
      { recovered },
      'stored objects were missing in the database and were taken in',
    );
  }
  return recovered;
}

import { randomUUID } from 'node:crypto';

import { createArchiveStore } from '../../../adapters/database/archive-store.js';
import type { DatabaseConfig } from '../../../adapters/database/config.js';
import { openDatabase } from '../../../adapters/database/open-database.js';
import { OFFER_ALIVE_MS, RUN_ALIVE_MS } from '../../../core/archive/timing.js';
import { PipelineError } from '../../../core/errors.js';
import { silentLogger } from '../../../core/log.js';
import type { ArchiveConfig } from '../../../workers/inference/config.js';
import type { ScoringEngine } from '../scoring-engine.js';
import { canRead, openArchiveFolder } from './archive-folder.js';
import { chooseOffer, describeOffer, type OfferWish } from './choose-offer.js';
import { createFleetClassifier } from './fleet-classifier.js';

export interface OpenFleet {
  readonly config: DatabaseConfig & ArchiveConfig;
  readonly wish: OfferWish;
  /** Paths that the run was told to score. */
  readonly inputs: readonly string[];
  readonly notify: (text: string) => void;
}

/**
 * The fleet that works on the same database.
 *
 * @throws PipelineError `config-invalid`, `request-invalid`, `database-unavailable`
 */
export async function openFleet({
  config,
  wish,
  inputs,
  notify,
}: OpenFleet): Promise<ScoringEngine> {
  const { DATABASE_URL: url, PREREAD_ARCHIVE_DIR: folder } = config;
  if (url === undefined || folder === undefined) {
    throw new PipelineError(
      'config-invalid',
      '--distributed needs DATABASE_URL and PREREAD_ARCHIVE_DIR, as the workers have them (docs/scaling.md).',
    );
  }
  const archive = openArchiveFolder(folder);
  inputs.forEach((path) => archive.relativePath(path));
  const database = await openDatabase(
    { logger: silentLogger, clock: Date.now },
    { kind: 'postgres', url, poolSize: config.DATABASE_POOL_SIZE },
  );
  try {
    const archives = createArchiveStore({ pool: database.pool });
    await archives.removeDeadRuns(RUN_ALIVE_MS);
    const offer = chooseOffer(await archives.offers(OFFER_ALIVE_MS), wish);
    const classifier = createFleetClassifier(
      {
        archives,
        relativePath: (path) => archive.relativePath(path),
        canRead,
        notify,
        nowMs: () => performance.now(),
      },
      { runId: randomUUID(), offer },
    );
    return {
      classifier,
      facts: offer.facts,
      description: describeOffer(offer),
      async close() {
        await classifier.close();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

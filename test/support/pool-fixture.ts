import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll } from 'vitest';

import type { ClassifierPool } from '../../adapters/inference/classifier-pool.js';
import type { ImageClassification } from '../../core/inference/image-classifier.js';
import { silentLogger, type LogFacts } from '../../core/log.js';
import {
  openClassifier,
  type ClassifierConfig,
  type PoolUse,
} from '../../workers/inference/open-classifier.js';
import { classifierConfig } from './classifier-config.js';
import { writeGreyImages } from './grey-images.js';
import { tinyModel, writeModelFolder } from './tiny-model.js';

export interface PoolFixture {
  readonly folder: string;
  /** Folder of a tiny model. */
  readonly model: string;
  /** Each brighter than the one before. */
  readonly images: readonly string[];
}

/** A folder with a tiny model and images for the tests of a file, and pools that are closed after each test. */
export function usePools() {
  const pools: ClassifierPool[] = [];
  const warnings: LogFacts[] = [];
  const logger = {
    ...silentLogger,
    warn: (facts: LogFacts) => {
      warnings.push(facts);
    },
  };
  let fixture: PoolFixture;

  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'preread-pool-'));
    const model = await writeModelFolder(folder, tinyModel());
    fixture = { folder, model, images: await writeGreyImages(folder, 24) };
  });

  afterEach(async () => {
    for (const pool of pools.splice(0)) {
      for (const pid of pool.processIds) {
        // A test that stopped a child and failed must not leave it stopped.
        process.kill(pid, 'SIGCONT');
      }
      await pool.close();
    }
    warnings.splice(0);
  });

  afterAll(async () => {
    await rm(fixture.folder, { recursive: true });
  });

  return {
    /** Of the loggers of all pools, since the test began. */
    warnings: warnings as readonly LogFacts[],
    logger,
    fixture: () => fixture,
    openPool: async (
      changes: Partial<ClassifierConfig> = {},
      use: PoolUse = {},
    ): Promise<ClassifierPool> => {
      const config = classifierConfig(fixture.model, changes);
      const { classifier } = await openClassifier({ logger }, config, use);
      pools.push(classifier);
      return classifier;
    },
  };
}

export function firstPid(pool: ClassifierPool): number {
  const [pid] = pool.processIds;
  if (pid === undefined) {
    throw new Error('no child is warm');
  }
  return pid;
}

export function firstLogit(classification: ImageClassification): number {
  return classification.kind === 'scored' ? (classification.logits[0] ?? NaN) : NaN;
}

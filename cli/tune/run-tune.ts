import { modelSearchPath } from '../../adapters/models/find-model.js';
import { readModelFolder } from '../../adapters/models/load-model.js';
import {
  defaultTuningPath,
  readTuning,
  thisMachine,
  writeTuning,
} from '../../adapters/models/tuning-file.js';
import type { EngineFacts } from '../../core/inference/image-classifier.js';
import type { Precision } from '../../core/inference/model-manifest.js';
import {
  cardFeeders,
  coreSplits,
  fastest,
  isSameMachine,
  weightsKey,
  type Arrangement,
  type Measured,
  type Tuning,
} from '../../core/inference/tuning.js';
import type { ClassifierConfig } from '../../workers/inference/open-classifier.js';
import { measureArrangement } from './measure-arrangement.js';

/** Each is measured so often; the best counts. */
const ROUNDS = 2;
const CPU_BATCHES = [1, 4];
const CARD_BATCHES = [1, 4, 8, 16, 32];

export interface RunTune {
  readonly config: ClassifierConfig;
  /** Images that are scored over and over. */
  readonly paths: readonly string[];
  readonly windowMs: number;
  readonly now: () => Date;
  readonly print: (line: string) => void;
}

/** Measures ways to set up the engine, prints them, and writes the best for this machine. Returns the file's path. */
export async function runTune(tune: RunTune): Promise<string> {
  const { config, paths, windowMs, print } = tune;
  const search = modelSearchPath(config.PREREAD_MODELS_DIR);
  const { manifest } = await readModelFolder(config.PREREAD_MODEL, search);
  const machine = thisMachine();
  // What is used without tuning; also tells the provider, and whether int8 may be used.
  const first = await measureArrangement(config, {}, paths, windowMs / 2);
  const { executionProvider } = first.engine;
  print(
    `${manifest.name}@${manifest.version} on ${executionProvider}, ${machine.processor}, ${machine.cores} cores\n`,
  );
  print('images/s  processes  threads  precision  batch');

  const isCpu = executionProvider === 'cpu';
  const splits = isCpu ? coreSplits(machine.cores) : cardFeeders(machine.cores);
  const bySplit = await measureAll(
    tune,
    precisionsOf(first.engine).flatMap((precision) =>
      splits.map((split) => ({ ...split, precision, maxBatch: first.maxBatch })),
    ),
  );
  const { arrangement } = fastest(bySplit);
  const batches = (isCpu ? CPU_BATCHES : CARD_BATCHES).filter((size) => size !== first.maxBatch);
  const byBatch = await measureAll(
    tune,
    batches.map((maxBatch) => ({ ...arrangement, maxBatch })),
  );
  const best = fastest([...bySplit.filter((each) => each.arrangement === arrangement), ...byBatch]);

  const path = config.PREREAD_TUNING ?? defaultTuningPath();
  const found = await readTuning(path);
  const isOfThisMachine = found.kind === 'found' && isSameMachine(found.tuning.machine, machine);
  const tuning: Tuning = {
    schemaVersion: 1,
    machine,
    models: {
      ...(isOfThisMachine && found.tuning.models),
      [weightsKey(manifest)]: {
        model: `${manifest.name}@${manifest.version}`,
        executionProvider,
        arrangement: best.arrangement,
        imagesPerSecond: Number(best.imagesPerSecond.toFixed(1)),
        measuredAt: tune.now().toISOString(),
      },
    },
  };
  await writeTuning(path, tuning);
  print(`\nBest: ${tableRow(best)}`);
  return path;
}

/** The format that is used by itself, and fp32 as well where that is another. */
function precisionsOf({ precision }: EngineFacts): readonly Precision[] {
  return precision === 'fp32' ? ['fp32'] : [precision, 'fp32'];
}

/** In turn, each as often as the others: what changes on the machine meanwhile changes all. */
async function measureAll(
  { config, paths, windowMs, print }: RunTune,
  arrangements: readonly Arrangement[],
): Promise<Measured[]> {
  const best = arrangements.map((arrangement) => ({ arrangement, imagesPerSecond: 0 }));
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const entry of best) {
      const rate = await measureArrangement(config, entry.arrangement, paths, windowMs);
      entry.imagesPerSecond = Math.max(entry.imagesPerSecond, rate.imagesPerSecond);
      entry.arrangement = { ...entry.arrangement, maxBatch: rate.maxBatch };
      if (round === ROUNDS) {
        print(tableRow(entry));
      }
    }
  }
  return best;
}

function tableRow({ arrangement, imagesPerSecond }: Measured): string {
  const { processes, threads, precision, maxBatch } = arrangement;
  return [
    imagesPerSecond.toFixed(1).padEnd(8),
    String(processes).padEnd(9),
    String(threads).padEnd(7),
    precision.padEnd(9),
    String(maxBatch),
  ].join('  ');
}

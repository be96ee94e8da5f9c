/**
 * The process that is fuzzed. Gets {first, count} cases over IPC, reports every case before it begins, so
 * that its parent knows which one crashed or hung it.
 */
import { readFileSync } from 'node:fs';

import { decodeFrame } from '../../adapters/dicom/decode-frame.js';
import { readDicom, readIdentity } from '../../adapters/dicom/read-dicom.js';
import { PipelineError } from '../../core/errors.js';
import { createRandom, mutate } from './mutate.js';

/** Above every image of the corpus, and small enough that a lying header shows as memory. */
const MAX_PIXELS = 8e6;
const MAX_INFLATED_BYTES = 64 * 1024 * 1024;

export interface FuzzBatch {
  readonly files: readonly string[];
  readonly first: number;
  readonly count: number;
}

export type FuzzReport =
  | { readonly kind: 'begin'; readonly seed: number }
  | { readonly kind: 'wrong'; readonly seed: number; readonly message: string }
  | {
      readonly kind: 'done';
      readonly rssBytes: number;
      readonly outcomes: Readonly<Record<string, number>>;
      readonly slowestMs: number;
      readonly slowestSeed: number;
    };

const files = new Map<string, Buffer>();

/** The case of a seed: which file, and what was done to it. */
export function fuzzCase(corpus: readonly string[], seed: number): Buffer {
  const random = createRandom(seed);
  const pick = () => load(corpus[Math.floor(random() * corpus.length)] ?? '');
  const file = pick();
  return mutate(file, pick(), random);
}

if (process.send !== undefined) {
  process.on('message', (batch: FuzzBatch) => {
    void run(batch);
  });
}

async function run({ files: corpus, first, count }: FuzzBatch): Promise<void> {
  const outcomes: Record<string, number> = {};
  let slowestMs = 0;
  let slowestSeed = first;
  for (let seed = first; seed < first + count; seed += 1) {
    send({ kind: 'begin', seed });
    const bytes = fuzzCase(corpus, seed);
    const startMs = performance.now();
    const outcome = await outcomeOf(bytes).catch((error: unknown) => {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      send({ kind: 'wrong', seed, message });
      return 'wrong';
    });
    const tookMs = performance.now() - startMs;
    if (tookMs > slowestMs) {
      slowestMs = tookMs;
      slowestSeed = seed;
    }
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  send({ kind: 'done', rssBytes: process.memoryUsage.rss(), outcomes, slowestMs, slowestSeed });
}

/** Decoded, or the code of the error. Any other exception is a finding. */
async function outcomeOf(bytes: Buffer): Promise<string> {
  try {
    readIdentity(bytes.subarray(0, 4096), false, { maxInflatedBytes: MAX_INFLATED_BYTES });
  } catch (error) {
    requireNamed(error);
  }
  try {
    const object = readDicom(bytes, { bare: true, maxInflatedBytes: MAX_INFLATED_BYTES });
    const TransferSyntaxUID = object.header.TransferSyntaxUID;
    const image = await decodeFrame({ ...object, TransferSyntaxUID }, 0, { maxPixels: MAX_PIXELS });
    if (image.pixels.length !== object.pixels.Rows * object.pixels.Columns) {
      throw new Error('an image of the wrong size came out');
    }
    return 'decoded';
  } catch (error) {
    return requireNamed(error);
  }
}

function requireNamed(error: unknown): string {
  if (!(error instanceof PipelineError) || error.code === 'internal') {
    throw error;
  }
  return error.code;
}

function load(path: string): Buffer {
  const known = files.get(path) ?? readFileSync(path);
  files.set(path, known);
  return known;
}

function send(report: FuzzReport): void {
  process.send?.(report);
}

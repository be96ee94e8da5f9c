/**
 * The process that is fuzzed. Gets {first, count} cases over IPC, reports every case before it begins, so
 * that its parent knows which one crashed or hung it.
 */
import { readFileSync } from 'node:fs';

import { createRandom } from './mutate.js';
import { bytesOf, RUN, targetOf, type Corpus } from './targets.js';

export interface FuzzBatch {
  readonly corpus: Corpus;
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

/** The case of a seed: what is fuzzed, and with which bytes. */
export function fuzzCase(corpus: Corpus, seed: number) {
  const random = createRandom(seed);
  const target = targetOf(random);
  return { target, bytes: bytesOf(target, corpus, random, load), random };
}

if (process.send !== undefined) {
  process.on('message', (batch: FuzzBatch) => {
    void run(batch);
  });
}

async function run({ corpus, first, count }: FuzzBatch): Promise<void> {
  const outcomes: Record<string, number> = {};
  let slowestMs = 0;
  let slowestSeed = first;
  for (let seed = first; seed < first + count; seed += 1) {
    send({ kind: 'begin', seed });
    const { target, bytes, random } = fuzzCase(corpus, seed);
    const startMs = performance.now();
    const result = await RUN[target](bytes, random).catch((error: unknown) => {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      send({ kind: 'wrong', seed, message });
      return 'wrong';
    });
    const tookMs = performance.now() - startMs;
    if (tookMs > slowestMs) {
      slowestMs = tookMs;
      slowestSeed = seed;
    }
    const outcome = `${target}: ${result}`;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  send({ kind: 'done', rssBytes: process.memoryUsage.rss(), outcomes, slowestMs, slowestSeed });
}

function load(path: string): Buffer {
  const known = files.get(path) ?? readFileSync(path);
  files.set(path, known);
  return known;
}

function send(report: FuzzReport): void {
  process.send?.(report);
}

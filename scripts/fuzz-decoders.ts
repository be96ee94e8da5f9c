/**
 * A long run of mutated real files through the parser, every decoder, the greyscale chain, the reader of
 * multipart bodies and the readers of PNG and JPEG, in a process that may die.
 *
 * Why: files come from outside and native codecs lie about damage. The short, seeded version runs with the
 * tests; this one is for a change of a codec, of a parser or of the Node version. Every case is a seed: a
 * finding is repeated with --first SEED --cases 1.
 *
 * Usage: npx tsx scripts/fuzz-decoders.ts [--cases 100000] [--first 1] [--corpus ../shared/data/dicom]
 *        [--pictures ../shared/data] [--time-limit-ms 30000] [--out .scratch/fuzz]
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { fuzzCase } from './fuzz/fuzz-child.js';
import type { FuzzReport } from './fuzz/fuzz-child.js';
import { writePictureVariants } from './fuzz/picture-variants.js';
import type { Corpus } from './fuzz/targets.js';

const BATCH = 1000;
const START_LIMIT_MS = 300_000;
const MAX_FILE_BYTES = 1024 * 1024;
/** Radiographs in JPEG that are fuzzed as they are, spread over all that are there. */
const PICTURES = 60;
/** Files without pixels, and dozens of the same tiny ones, would take most of the cases. */
const NO_IMAGES =
  /\.(md|txt|json|dump|gz|dat)$|charset_files|TINY_ALPHA|98892003|DICOMDIR|metadata$/;

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    first: { type: 'string', default: '1' },
    corpus: { type: 'string', default: '../shared/data/dicom' },
    pictures: { type: 'string', default: '../shared/data' },
    'time-limit-ms': { type: 'string', default: '30000' },
    out: { type: 'string', default: '.scratch/fuzz' },
  },
});

const radiographs = filesUnder(values.pictures).filter((path) => /\.(jpe?g|png)$/i.test(path));
const corpus: Corpus = {
  dicom: filesUnder(values.corpus),
  pictures: [
    ...radiographs.filter((_, index) => index % Math.ceil(radiographs.length / PICTURES) === 0),
    ...(await writePictureVariants(radiographs[0] ?? '', join(values.out, 'pictures'))),
  ],
};
const first = Number(values.first);
const end = first + Number(values.cases);
const timeLimitMs = Number(values['time-limit-ms']);
const outcomes: Record<string, number> = {};
const findings: string[] = [];
let largestRssBytes = 0;
let slowestMs = 0;

for (let next = first; next < end;) {
  next = await runFrom(next);
  console.log(`${next - first} cases, ${findings.length} findings, ${JSON.stringify(outcomes)}`);
}
console.log(
  `slowest case ${Math.round(slowestMs)} ms, largest process ${Math.round(largestRssBytes / 1e6)} MB`,
);
for (const finding of findings) {
  console.log(finding);
}
process.exitCode = findings.length === 0 ? 0 : 1;

/** Runs batches in one child until it dies or all is done; returns the next seed. */
async function runFrom(seed: number): Promise<number> {
  const child = fork(fileURLToPath(new URL('./fuzz/fuzz-child.ts', import.meta.url)), {
    execArgv: ['--import', 'tsx'],
  });
  try {
    const count = Math.min(BATCH, end - seed);
    child.send({ corpus, first: seed, count });
    return (await watch(child, seed)) ?? seed + count;
  } finally {
    child.kill('SIGKILL');
  }
}

/** Resolves to undefined after the batch, or to the seed behind the case that ended the process. */
function watch(child: ChildProcess, seed: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    let current = seed;
    const fail = (what: string) => {
      note(current, what);
      resolve(current + 1);
    };
    // Loading the code takes its time on a busy machine, and is no fault of the case.
    let timer = setTimeout(fail, START_LIMIT_MS, 'the process did not start');
    child.on('message', (report: FuzzReport) => {
      clearTimeout(timer);
      switch (report.kind) {
        case 'begin':
          current = report.seed;
          timer = setTimeout(fail, timeLimitMs, 'hang');
          break;
        case 'wrong':
          note(report.seed, report.message);
          break;
        case 'done':
          for (const [outcome, number] of Object.entries(report.outcomes)) {
            outcomes[outcome] = (outcomes[outcome] ?? 0) + number;
          }
          largestRssBytes = Math.max(largestRssBytes, report.rssBytes);
          slowestMs = Math.max(slowestMs, report.slowestMs);
          child.removeAllListeners('exit');
          resolve(undefined);
      }
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      fail(`crash, code ${String(code)}, signal ${String(signal)}`);
    });
  });
}

/** Keeps the input of a finding: it becomes a regression fixture. */
function note(seed: number, what: string): void {
  mkdirSync(values.out, { recursive: true });
  const { target, bytes } = fuzzCase(corpus, seed);
  writeFileSync(join(values.out, `${seed}.${target}`), bytes);
  findings.push(`seed ${seed}: ${what.split('\n').slice(0, 3).join(' ')}`);
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name))
    .flatMap((path) => {
      const stats = statSync(path);
      if (stats.isDirectory()) {
        return filesUnder(path);
      }
      return stats.size <= MAX_FILE_BYTES && !NO_IMAGES.test(path) ? [path] : [];
    });
}

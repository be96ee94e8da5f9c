import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Command, InvalidArgumentError, Option } from 'commander';

import { DEFAULT_MODEL } from '../../adapters/models/config.js';
import type { ExecutionProvider } from '../../adapters/onnx/execution-providers.js';
import { EXIT } from '../exit-codes.js';
import { wholeNumberFrom } from '../whole-number.js';

interface BenchFlags {
  readonly pairs: number;
  readonly seconds: number;
  readonly attempts: number;
  readonly processes: number;
  readonly provider: ExecutionProvider;
  readonly batch?: number;
  readonly model: string;
  readonly modelsDir?: string;
  readonly only: string;
  readonly studies: number;
  readonly queueLength: number;
  readonly soak?: number;
  readonly json?: string;
}

const count = wholeNumberFrom(1, 9_999_999);

const HELP = `
Prints one table from one run, ratios first: the whole way from a file to its row over bare inference on the
same cores, and over 1/(t_pre + t_inf), what two costs that add up allow; then the whole pipeline from
STOW-RS to the webhook over score, its latency at idle, and the cold start. The pictures are computed, one
of the models has random weights: the speed is what is measured. docs/performance.md has the method.

Run it on a machine that is quiet: "others" are the cores that other programs took.

Exit codes:
  ${EXIT.ok}    done
  ${EXIT.failure}    it failed
  ${EXIT.usage}    wrong arguments

Examples:
  preread bench
  preread bench --only 'JPEG' --pairs 9
  preread bench --only pipeline --studies 500
  preread bench --provider cuda --batch 16 --only raw
  preread bench --only queue --queue-length 100000
  preread bench --only nothing --soak 20000`;

export function register(program: Command): void {
  program
    .command('bench')
    .summary('measure what this machine does')
    .description(
      'Measures the way from files to scores and from DICOM to webhooks on this machine.',
    )
    .option('--pairs <n>', 'rounds of each comparison', count, 5)
    .option('--seconds <n>', 'length of a window', seconds, 0.6)
    .option('--attempts <n>', 'tries of a window that other programs disturb', count, 1)
    .option('--processes <n>', 'inference processes', count, availableParallelism())
    .addOption(
      new Option('--provider <name>', 'what computes')
        .choices(['cpu', 'cuda', 'tensorrt'])
        .default('cpu'),
    )
    .option('--batch <n>', 'images at once; default: what suits the provider', count)
    .option('--model <name>', 'name of a model, or the folder of its manifest.json', DEFAULT_MODEL)
    .option('--models-dir <folder>', 'folder of installed models')
    .option('--only <text>', 'only rows whose name contains it', '')
    .option('--studies <n>', 'studies through the whole pipeline', count, 200)
    .option('--queue-length <n>', 'most jobs that wait in a queue', count, 10_000)
    .option('--soak <images>', 'also: memory after so many images', count)
    .option('--json <file>', 'write all figures there too')
    .addHelpText('after', HELP)
    .action(async ({ pairs, seconds, soak, json, modelsDir, batch, ...rest }: BenchFlags) => {
      const { runBench, writeReport } = await import('../bench/run-bench.js');
      const folder = await mkdtemp(join(tmpdir(), 'preread-bench-'));
      const print = (line: string): void => {
        console.log(line);
      };
      try {
        const settings = {
          ...rest,
          rounds: pairs,
          windowMs: seconds * 1000,
          soak,
          modelsDir,
          maxBatch: batch,
        };
        const report = await runBench(settings, folder, print);
        if (json !== undefined) {
          await writeReport(json, report);
        }
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0.1 && value <= 600)) {
    throw new InvalidArgumentError('It must be a number from 0.1 to 600.');
  }
  return value;
}

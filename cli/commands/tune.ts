import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Command, InvalidArgumentError, Option } from 'commander';

import { loadConfig } from '../../adapters/config/load-config.js';
import { inferenceConfig } from '../../adapters/inference/config.js';
import { modelsConfig } from '../../adapters/models/config.js';
import { onnxConfig } from '../../adapters/onnx/config.js';
import { PROVIDER_CHOICES, type ProviderChoice } from '../../adapters/onnx/execution-providers.js';
import { PipelineError } from '../../core/errors.js';
import { EXIT } from '../exit-codes.js';

interface TuneFlags {
  readonly model?: string;
  readonly modelsDir?: string;
  readonly provider?: ProviderChoice;
  readonly out?: string;
  readonly seconds: number;
}

/** Enough to be of every kind that a folder has, few enough to stay in the page cache. */
const IMAGES = 64;

const HELP = `
Scores images over and over with the engine set up in different ways: one process with many threads or many with one,
number of processes, int8 or fp32 (where the model's evaluation allows int8), images at once. Takes about a minute.

Without images it computes three radiographs of the usual size, uncompressed. Name some of your own when they are
compressed: decoding then takes most of the time, and the best arrangement may be another.

The result is bound to the processor, the number of cores and the model's SHA-256. preread serve and preread score
use it where the settings leave open what it says; when the machine or the model is another they say so and
do not use it.

Exit codes:
  ${EXIT.ok}    measured and written
  ${EXIT.failure}    it failed
  ${EXIT.usage}    wrong arguments or model

Examples:
  preread tune
  preread tune archive/2024/ --model my-model
  preread tune --provider cuda --out /etc/preread/tuning.json`;

export function register(program: Command): void {
  program
    .command('tune')
    .summary('find the fastest set-up of the engine on this machine')
    .description(
      'Measures how the engine is fastest on this machine, and writes it down for later.',
    )
    .argument('[images...]', 'folders, files or globs of images to measure with')
    .option('--model <name>', 'name of a model, or the folder of its manifest.json')
    .option('--models-dir <folder>', 'folder of further models')
    .addOption(new Option('--provider <name>', 'what computes').choices(PROVIDER_CHOICES))
    .option('--out <file>', 'instead of PREREAD_TUNING or ~/.local/share/preread/tuning.json')
    .option('--seconds <n>', 'length of a measurement', seconds, 2)
    .addHelpText('after', HELP)
    .action(async (args: string[], { model, modelsDir, provider, out, ...flags }: TuneFlags) => {
      const { runTune } = await import('../tune/run-tune.js');
      const { tuneImages } = await import('../tune/tune-images.js');
      const schema = inferenceConfig.extend(modelsConfig.shape).extend(onnxConfig.shape);
      const config = {
        ...loadConfig(schema, process.env),
        ...(model !== undefined && { PREREAD_MODEL: model }),
        ...(modelsDir !== undefined && { PREREAD_MODELS_DIR: modelsDir }),
        ...(provider !== undefined && { PREREAD_PROVIDER: provider }),
        ...(out !== undefined && { PREREAD_TUNING: out }),
      };
      const folder = await mkdtemp(join(tmpdir(), 'preread-tune-'));
      const print = (line: string): void => {
        console.log(line);
      };
      try {
        const path = await runTune({
          config,
          paths: await tuneImages(args, folder, IMAGES),
          windowMs: flags.seconds * 1000,
          now: () => new Date(),
          print,
        });
        print(`Written to ${path}.`);
      } catch (error) {
        if (!(error instanceof PipelineError) || error.code !== 'request-invalid') {
          throw error;
        }
        process.stderr.write(`${error.message}\n`);
        process.exitCode = EXIT.usage;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0.1 && value <= 60)) {
    throw new InvalidArgumentError('It must be a number from 0.1 to 60.');
  }
  return value;
}

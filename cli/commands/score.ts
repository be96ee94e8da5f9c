import { type Command, InvalidArgumentError, Option } from 'commander';

import { inferenceConfig } from '../../adapters/inference/config.js';
import { loadConfig } from '../../adapters/config/load-config.js';
import { databaseConfig } from '../../adapters/database/config.js';
import { modelsConfig } from '../../adapters/models/config.js';
import { onnxConfig } from '../../adapters/onnx/config.js';
import { PROVIDER_CHOICES, type ProviderChoice } from '../../adapters/onnx/execution-providers.js';
import { PRECISION_CHOICES, type PrecisionChoice } from '../../core/inference/choose-weights.js';
import { PipelineError } from '../../core/errors.js';
import type { GatePolicy } from '../../core/gating/gate-policy.js';
import { DECODE_MODES, type DecodeMode } from '../../core/imaging/decode-mode.js';
import type { ClassifierConfig } from '../../workers/inference/open-classifier.js';
import { archiveConfig } from '../../workers/inference/config.js';
import { EXIT } from '../exit-codes.js';
import { ROW_FORMATS } from '../score/row-format.js';
import { runScore } from '../score/run-score.js';
import type { ScoreOptions } from '../score/score-options.js';
import { openLocalEngine, type ScoringEngine } from '../score/scoring-engine.js';
import { wholeNumberFrom } from '../whole-number.js';

interface ScoreFlags extends ScoreOptions {
  readonly model?: string;
  readonly modelsDir?: string;
  readonly provider?: ProviderChoice;
  readonly precision?: PrecisionChoice;
  readonly decode?: DecodeMode;
  readonly concurrency?: number;
  readonly timeLimit?: number;
  readonly minAge?: number;
  readonly rules?: string;
  readonly unknownView?: GatePolicy['unknownView'];
  readonly distributed?: true;
}

/** What the workers decide, each for itself: a run can only choose among them. */
const SETTINGS_OF_WORKERS = [
  'modelsDir',
  'concurrency',
  'timeLimit',
  'decode',
  'minAge',
  'rules',
  'unknownView',
  'heatmaps',
] as const satisfies readonly (keyof ScoreFlags)[];

const HELP = `
Inputs are folders (walked to the bottom, names in order), files, globs in quotes, and DICOMDIR files.
DICOM, PNG and JPEG are read. Every file gets one row, in the order of the input: scored, or
not-analysed with the reason. Rows hold no times, so equal input gives an equal file.

CSV columns: file, outcome, reason, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID, warnings,
one column with the raw probability for each finding, flagged (findings above their operating point),
model. Probabilities are not calibrated. JSON Lines hold more: scores relative to the operating point,
thresholds, gate warnings, the model's SHA-256.

Gates are those of the pipeline (PREREAD_* variables, docs/configuration.md): images that are not
adult frontal chest radiographs are refused with their reason, doubtful ones are scored with a warning.

JPEG 2000 and HTJ2K images are decoded at the smallest resolution that moves no fp32 score by more than 0.005
(int8 scores: up to 0.03 where it was measured, docs/pixels.md); --decode full decodes all of them whole and resamples every image exactly, as the reference of each preprocessing
recipe does.

Beside the output stands OUTPUT.run.json, which says what made the rows (model, SHA-256, software,
settings). --resume goes on only under the same record: finished rows are kept, a line that was cut off
is repaired, and the file ends up the same, byte for byte, as if the run had never been stopped.

--heatmaps writes a PNG for each flagged finding of each image, such as 000012-Effusion.png for the
twelfth row: the image as it is displayed, coloured where the score came from. Names and pictures carry
nothing of the header; what is burned into the pixels stays. Maps are coarse and outline nothing.

--distributed leaves the scoring to a fleet: every preread serve with the role inference that has the same
DATABASE_URL and PREREAD_ARCHIVE_DIR, the folder of archives that all machines share (docs/scaling.md).
Model and settings are the workers'; rows, order, --resume and exit codes are the same.

Exit codes:
  ${EXIT.ok}    every file has its row
  ${EXIT.failure}    the run failed as a whole, or there was no file
  ${EXIT.usage}    wrong arguments, model or output; nothing was scored
  ${EXIT.partial}    finished, but some files are unreadable, corrupt or failed (their rows say which)
  ${EXIT.interrupted}  stopped by Ctrl-C or SIGTERM; the rows that are there are complete

Ctrl-C lets the images in work finish and prints the command that goes on; a second one stops at once.

Examples:
  preread score archive/ --out scores.csv
  preread score 'archive/**/*.dcm' extra.png --out scores.jsonl --concurrency 4
  preread score archive/ --out scores.csv --resume
  preread score archive/ --out scores.csv --heatmaps maps/
  preread score /archive/2019 --out scores.csv --distributed

Research and evaluation only. Not a medical device.`;

export function register(program: Command): void {
  program
    .command('score')
    .summary('score files of an archive into a CSV or JSON Lines file')
    .description('Scores every image in folders and files with a model, one row each.')
    .argument('<inputs...>', 'folders, files or globs')
    .requiredOption('-o, --out <file>', 'scores.csv, scores.jsonl, or - for stdout')
    .addOption(new Option('--format <format>', 'instead of by the name').choices(ROW_FORMATS))
    .option('--model <name>', 'name of a model, or the folder of its manifest.json')
    .option('--models-dir <folder>', 'folder of further models')
    .addOption(new Option('--provider <name>', 'what computes').choices(PROVIDER_CHOICES))
    .addOption(
      new Option('--precision <format>', 'number format of the weights').choices(PRECISION_CHOICES),
    )
    .option(
      '--concurrency <n>',
      'processes; default: one for each core',
      wholeNumberFrom(1, 99_999),
    )
    .option('--time-limit <seconds>', 'for one image', wholeNumberFrom(1, 99_999))
    .addOption(
      new Option('--decode <mode>', 'full: every image at full resolution').choices(DECODE_MODES),
    )
    .option('--min-age <years>', 'refuse younger patients; default: 18', parseAge)
    .addOption(
      new Option('--unknown-view <policy>', 'images whose view is not stated').choices([
        'analyse',
        'refuse',
      ]),
    )
    .option('--rules <file>', "the site's rules (YAML or JSON), instead of PREREAD_RULES")
    .option('--heatmaps <folder>', 'a picture of each flagged finding, for people')
    .option('--include-withheld', 'add the findings that the model card calls too weak', false)
    .option('--distributed', 'let the inference workers of a fleet do it')
    .option('--resume', 'go on behind the rows that are there', false)
    .option('--force', 'overwrite the output', false)
    .addHelpText('after', HELP)
    .action(async (args: string[], flags: ScoreFlags) => {
      try {
        const openEngine = engineOpener(args, flags, process.env);
        const commandLine = process.argv.slice(2);
        process.exitCode = await runScore({ args, options: flags, openEngine, commandLine });
      } catch (error) {
        if (!(error instanceof PipelineError)) {
          throw error;
        }
        process.stderr.write(`${error.message}\n`);
        process.exitCode = error.failure === 'transient' ? EXIT.failure : EXIT.usage;
      }
    });
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws for what is wrong with flags or environment. */
function engineOpener(
  args: readonly string[],
  flags: ScoreFlags,
  env: Environment,
): (notify: (text: string) => void) => Promise<ScoringEngine> {
  if (flags.distributed !== true) {
    const config = classifierConfig(flags, env);
    return (notify) => openLocalEngine(config, { cams: flags.heatmaps !== undefined }, notify);
  }
  const refused = SETTINGS_OF_WORKERS.filter((name) => flags[name] !== undefined);
  if (refused.length > 0) {
    const names = refused.map(
      (name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    );
    throw new PipelineError(
      'request-invalid',
      `With --distributed the workers decide, and give scores alone: leave out ${names.join(', ')}.`,
    );
  }
  const config = loadConfig(databaseConfig.extend(archiveConfig.shape), env);
  return async (notify) => {
    const { openFleet } = await import('../score/distributed/open-fleet.js');
    return openFleet({ config, wish: flags, inputs: args, notify });
  };
}

/** The environment's settings, with what the command line says in their place. */
function classifierConfig(flags: ScoreFlags, env: Environment): ClassifierConfig {
  const schema = inferenceConfig.extend(modelsConfig.shape).extend(onnxConfig.shape);
  const config = loadConfig(schema, env);
  const { model, modelsDir, provider, precision, concurrency, timeLimit } = flags;
  const { decode, minAge, rules, unknownView } = flags;
  return {
    ...config,
    ...(model !== undefined && { PREREAD_MODEL: model }),
    ...(modelsDir !== undefined && { PREREAD_MODELS_DIR: modelsDir }),
    ...(provider !== undefined && { PREREAD_PROVIDER: provider }),
    ...(precision !== undefined && { PREREAD_PRECISION: precision }),
    ...(concurrency !== undefined && { PREREAD_INFERENCE_PROCESSES: concurrency }),
    ...(timeLimit !== undefined && { PREREAD_IMAGE_TIME_LIMIT_MS: timeLimit * 1000 }),
    ...(decode !== undefined && { PREREAD_DECODE: decode }),
    ...(minAge !== undefined && { PREREAD_MIN_AGE_YEARS: minAge }),
    ...(rules !== undefined && { PREREAD_RULES: rules }),
    ...(unknownView !== undefined && { PREREAD_UNKNOWN_VIEW: unknownView }),
  };
}

function parseAge(text: string): number {
  if (!/^\d{1,2}$/.test(text)) {
    throw new InvalidArgumentError('It must be a whole number of years.');
  }
  return Number(text);
}

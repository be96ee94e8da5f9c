import { PipelineError } from '../../core/errors.js';
import { EXIT } from '../exit-codes.js';
import {
  inputFiles,
  realPathOfFile,
  type Input,
  type InputFile,
  type OwnFiles,
} from './input-files.js';
import { prepareHeatMapFolder, writeHeatMaps } from './heatmaps/write-heat-maps.js';
import { onInterruption } from './interruption.js';
import { createProgress } from './progress.js';
import { createRowFormat, type RowFormat } from './row-format.js';
import {
  chooseFormat,
  checkOutput,
  parseInputs,
  STDOUT,
  type ScoreOptions,
} from './score-options.js';
import type { RunRecord } from './run-record.js';
import { scoreInOrder } from './score-in-order.js';
import type { ScoringEngine } from './scoring-engine.js';
import {
  lockPath,
  openFileOutput,
  runRecordPath,
  streamOutput,
  type ScoreOutput,
} from './score-output.js';
import { createScoreSummary, type ScoreSummary } from './score-summary.js';
import { resumeCommand } from './shell-quote.js';

export interface RunScore {
  /** Files, folders and globs, as on the command line. */
  readonly args: readonly string[];
  readonly options: ScoreOptions;
  /** Starts what scores. Called when everything else is known to be in order. */
  readonly openEngine: (notify: (text: string) => void) => Promise<ScoringEngine>;
  /** The command's own words, for the line that tells how to go on. */
  readonly commandLine: readonly string[];
}

/**
 * Scores everything and returns the exit code. Messages for people go to stderr. Throws PipelineError
 * for what is wrong before the first row.
 */
export async function runScore({
  args,
  options,
  openEngine,
  commandLine,
}: RunScore): Promise<number> {
  const formatName = chooseFormat(options);
  checkOutput(options);
  const inputs = await parseInputs(args);
  const { heatmaps } = options;
  if (heatmaps !== undefined) {
    await prepareHeatMapFolder({ ...options, folder: heatmaps, inputs: args });
  }
  const interruption = onInterruption(() => process.exit(EXIT.interrupted));
  const open = await openEngine(say);
  try {
    const { softwareVersion, model, manifest, decode, gatePolicy, siteRules } = open.facts;
    if (heatmaps !== undefined && manifest.outputs.cams === undefined) {
      throw new PipelineError('request-invalid', `The model ${manifest.name} gives no maps.`);
    }
    const { engine } = open.classifier;
    say(`${open.description}.`);
    const { includeWithheld } = options;
    const format = createRowFormat(formatName, {
      manifest,
      engine,
      softwareVersion,
      includeWithheld,
    });
    const record: RunRecord = {
      schemaVersion: 1,
      softwareVersion,
      model,
      settings: {
        format: formatName,
        includeWithheld,
        ...(heatmaps !== undefined && { heatmaps: true }),
        decode,
        ...gatePolicy,
        ...(siteRules !== undefined && { siteRules }),
      },
    };
    return await writeRows({
      inputs,
      options,
      open,
      format,
      record,
      commandLine,
      signal: interruption.signal,
    });
  } finally {
    await open.close();
    interruption.release();
  }
}

interface WriteRows extends Pick<RunScore, 'options' | 'commandLine'> {
  readonly inputs: readonly Input[];
  readonly open: ScoringEngine;
  readonly format: RowFormat;
  readonly record: RunRecord;
  readonly signal: AbortSignal;
}

async function writeRows(run: WriteRows): Promise<number> {
  const { inputs, options, open, format, signal } = run;
  const own = await ownFiles(options.out);
  const files = inputFiles(inputs, own);
  const summary = createScoreSummary();
  const output = await openOutput(run, files, summary);
  if (summary.rows > 0) {
    say(`Resuming behind ${summary.rows} finished ${summary.rows === 1 ? 'row' : 'rows'}.`);
  }
  const progress = createProgress(process.stderr, summary.rows, () => performance.now());
  // The walk is repeated to learn how far there is to go: the names of all files are never in memory.
  void countFiles(inputs, own, signal).then(
    (total) => {
      progress.setTotal(total);
    },
    () => undefined,
  );
  let failure: unknown;
  try {
    const { heatmaps } = options;
    const cams = heatmaps !== undefined;
    for await (const scored of scoreInOrder(files, open.classifier, signal, { cams })) {
      if (heatmaps !== undefined) {
        await writeHeatMaps(heatmaps, open.facts.manifest, summary.rows + 1, scored);
      }
      await output.write(format.write(scored));
      summary.add(scored.classification);
      progress.update(summary.rows);
    }
  } catch (error) {
    failure = error;
  }
  progress.stop();
  await output.close().catch((error: unknown) => {
    failure ??= error;
  });
  return conclude(run, summary, failure);
}

/** Says how the run went and gives its exit code. */
function conclude(
  { options, commandLine, signal }: WriteRows,
  summary: ScoreSummary,
  failure: unknown,
): number {
  if (isBrokenPipe(failure)) {
    return EXIT.failure;
  }
  say(`${summary.describe()}.`);
  const howToGoOn = options.out === STDOUT ? '' : ` To go on: ${resumeCommand(commandLine)}`;
  if (failure !== undefined) {
    say(`Stopped: ${describeFailure(failure)}${howToGoOn}`);
    return EXIT.failure;
  }
  if (signal.aborted) {
    say(`Interrupted.${howToGoOn}`);
    return EXIT.interrupted;
  }
  if (summary.rows === 0) {
    say('There is no file in what was named.');
    return EXIT.failure;
  }
  return summary.errors > 0 ? EXIT.partial : EXIT.ok;
}

function openOutput(
  { options, format, record }: WriteRows,
  files: AsyncIterator<InputFile>,
  summary: ScoreSummary,
): Promise<ScoreOutput> {
  return options.out === STDOUT
    ? streamOutput(process.stdout, format)
    : openFileOutput(
        { path: options.out, format, record, resume: options.resume },
        files,
        (row) => {
          summary.add(row);
        },
      );
}

/** What the run writes itself, in case that is inside a folder that it reads. */
async function ownFiles(out: string): Promise<OwnFiles> {
  if (out === STDOUT) {
    return new Set();
  }
  const path = await realPathOfFile(out);
  return new Set([path, runRecordPath(path), lockPath(path)]);
}

async function countFiles(
  inputs: readonly Input[],
  own: OwnFiles,
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  for await (const file of inputFiles(inputs, own)) {
    count += file.path === '' ? 0 : 1;
    if (signal.aborted) {
      break;
    }
  }
  return count;
}

function describeFailure(error: unknown): string {
  if (error instanceof PipelineError) {
    return error.message;
  }
  const code = errorCode(error);
  return code === undefined
    ? 'an unexpected error.'
    : `the output cannot be written (${code}): its last rows may be missing.`;
}

function isBrokenPipe(error: unknown): boolean {
  return errorCode(error) === 'EPIPE';
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

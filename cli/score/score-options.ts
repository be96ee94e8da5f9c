import { existsSync, statSync } from 'node:fs';
import { dirname, extname } from 'node:path';

import { PipelineError } from '../../core/errors.js';
import { parseInput, type Input } from './input-files.js';
import { ROW_FORMATS, type RowFormatName } from './row-format.js';

/** Rows go to stdout. */
export const STDOUT = '-';

export interface ScoreOptions {
  readonly out: string;
  readonly format?: RowFormatName | undefined;
  readonly includeWithheld: boolean;
  /** Folder of pictures of what was flagged. */
  readonly heatmaps?: string | undefined;
  readonly resume: boolean;
  readonly force: boolean;
}

/** The format that was asked for, else the one that the output's name tells. Throws `request-invalid`. */
export function chooseFormat({ out, format }: Pick<ScoreOptions, 'out' | 'format'>): RowFormatName {
  if (format !== undefined) {
    return format;
  }
  if (out === STDOUT) {
    return 'csv';
  }
  const extension = extname(out).slice(1).toLowerCase();
  const found = ROW_FORMATS.find((name) => name === extension);
  if (found === undefined) {
    throw new PipelineError(
      'request-invalid',
      `The name of the output must end in ${ROW_FORMATS.map((name) => `.${name}`).join(' or ')}, ` +
        'or --format must say what to write.',
    );
  }
  return found;
}

/** What can be found wrong with the output before anything is started. Throws `request-invalid`. */
export function checkOutput({ out, resume, force }: ScoreOptions): void {
  if (resume && force) {
    throw new PipelineError('request-invalid', '--resume and --force exclude each other.');
  }
  if (out === STDOUT) {
    if (resume) {
      throw new PipelineError('request-invalid', 'Rows on stdout cannot be resumed.');
    }
    return;
  }
  if (!existsSync(dirname(out))) {
    throw new PipelineError('request-invalid', `There is no folder ${dirname(out)}.`);
  }
  if (!existsSync(out)) {
    return;
  }
  if (!statSync(out).isFile()) {
    throw new PipelineError('request-invalid', `${out} is not a regular file.`);
  }
  if (!resume && !force) {
    throw new PipelineError(
      'request-invalid',
      `${out} exists: go on with --resume, or overwrite it with --force.`,
    );
  }
}

/** The arguments understood, without repetitions. Throws `request-invalid` for one that is not there. */
export async function parseInputs(args: readonly string[]): Promise<readonly Input[]> {
  const inputs: Input[] = [];
  for (const arg of new Set(args)) {
    const input = await parseInput(arg);
    if (input === undefined) {
      throw new PipelineError('request-invalid', `There is no file or folder ${arg}.`);
    }
    inputs.push(input);
  }
  return inputs;
}

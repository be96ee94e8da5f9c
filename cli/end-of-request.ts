import { PipelineError } from '../core/errors.js';
import { EXIT } from './exit-codes.js';
import { reportError } from './report-error.js';

/** Runs what a command was asked for, prints its summary, and returns the exit code. */
export async function endOfRequest(run: () => Promise<string>): Promise<number> {
  try {
    process.stdout.write(`${await run()}\n`);
    return EXIT.ok;
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'request-invalid') {
      process.stderr.write(`${error.message}\n`);
      return EXIT.usage;
    }
    if (error instanceof Error && 'code' in error && 'syscall' in error) {
      process.stderr.write(`The output cannot be written (${String(error.code)}).\n`);
      return EXIT.failure;
    }
    return reportError(error);
  }
}

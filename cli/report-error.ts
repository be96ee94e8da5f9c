import { ZodError } from 'zod';

import { isFullDisk } from '../adapters/storage/storage-error.js';
import { PipelineError, type ErrorCode } from '../core/errors.js';
import { EXIT } from './exit-codes.js';

/** Errors of what the user has set or named: nothing was started, and trying again will not help. */
const USAGE_ERRORS = new Set<ErrorCode>([
  'config-invalid',
  'data-folder-locked',
  'model-not-found',
  'model-manifest-invalid',
  'model-hash-mismatch',
  'model-graph-mismatch',
  'model-overlay-invalid',
  'model-overlay-mismatch',
  'model-self-test-failed',
  'model-exists',
  'recipe-unknown',
]);

function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error && 'errno' in error;
}

/** The error, and below it each cause that says more. */
export function describeError({ code, message, cause }: PipelineError): string {
  let text = `preread: ${code}: ${message}`;
  // Zod's message is its issues as JSON, which the error has in words.
  for (let why = cause; why instanceof Error && !(why instanceof ZodError); why = why.cause) {
    // A connection that failed on each of several addresses has a code and no words.
    const words = why.message || ('code' in why ? String(why.code) : '');
    if (!text.includes(words)) {
      text += `\n  because: ${words}`;
    }
  }
  return text;
}

/** What the operating system refuses is no fault of the program: no stack. */
export function describeOther(error: unknown): unknown {
  if (!isSystemError(error)) {
    return error;
  }
  return isFullDisk(error)
    ? `preread: storage-full: There is no room left on the disk: free some and start again.\n  because: ${error.message}`
    : `preread: ${error.message}`;
}

/** Says what went wrong in a way that helps, and returns the exit code. Unknown errors show their stack. */
export function reportError(error: unknown): number {
  if (!(error instanceof PipelineError)) {
    console.error(describeOther(error));
    return EXIT.failure;
  }
  console.error(describeError(error));
  return USAGE_ERRORS.has(error.code) ? EXIT.usage : EXIT.failure;
}

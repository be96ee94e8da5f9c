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

/** Says what went wrong in a way that helps, and returns the exit code. Unknown errors show their stack. */
export function reportError(error: unknown): number {
  if (!(error instanceof PipelineError)) {
    console.error(error);
    return EXIT.failure;
  }
  const cause = error.cause instanceof Error ? `\n  because: ${error.cause.message}` : '';
  console.error(`preread: ${error.code}: ${error.message}${cause}`);
  return USAGE_ERRORS.has(error.code) ? EXIT.usage : EXIT.failure;
}

import { PipelineError } from '../errors.js';

/** What is wrong with a checkpoint, or why the importer refuses it. */
export function invalidCheckpoint(reason: string): PipelineError {
  return new PipelineError('checkpoint-invalid', `The checkpoint cannot be imported: ${reason}.`);
}

import { UnrecoverableError } from 'bullmq';

import { toPipelineError } from '../../core/errors.js';

/**
 * What BullMQ gets for an error of a handler, and keeps with the job. A PipelineError's message is fit
 * for that; that of any other error stays out, because it may quote a patient's data.
 */
export function failedJobError(error: unknown): Error {
  const { code, failure, message } = toPipelineError(error);
  const text = `${code}: ${message}`;
  return failure === 'permanent' ? new UnrecoverableError(text) : new Error(text);
}

/** Where an error comes from: its stack without the message. */
export function stackFrames(error: unknown): string[] {
  const lines = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  return lines.map((line) => line.trim()).filter((line) => line.startsWith('at '));
}

import { mkdir, readFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { dirname, join } from 'node:path';

import { tuningSchema, type Machine, type Tuning } from '../../core/inference/tuning.js';
import { userModelsFolder } from './config.js';
import { jsonText, replaceFile } from './install-model.js';

/** Beside the folder of installed models. */
export const defaultTuningPath = (): string => join(userModelsFolder(), '..', 'tuning.json');

export const thisMachine = (): Machine => ({
  processor: cpus()[0]?.model ?? 'an unknown processor',
  cores: availableParallelism(),
});

export type TuningFile =
  | { readonly kind: 'found'; readonly tuning: Tuning }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unusable'; readonly reason: string };

/** A tuning is a convenience: a file that cannot be understood is no reason not to start. */
export async function readTuning(path: string): Promise<TuningFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT'
      ? { kind: 'absent' }
      : { kind: 'unusable', reason: 'it cannot be read' };
  }
  try {
    return { kind: 'found', tuning: tuningSchema.parse(JSON.parse(text)) };
  } catch {
    return { kind: 'unusable', reason: 'its content is not that of a tuning' };
  }
}

export async function writeTuning(path: string, tuning: Tuning): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, jsonText(tuning));
}

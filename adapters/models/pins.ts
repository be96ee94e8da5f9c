import { join } from 'node:path';

import { z } from 'zod';

import { PipelineError } from '../../core/errors.js';
import { jsonText, replaceFile } from './install-model.js';
import { readJson } from './read-json.js';

/** `pins.json` in the folder of models: by URL the SHA-256 that its first download had. */
const pinsSchema = z.record(z.string(), z.string());

/** What an earlier download from a URL was, when no hash is published for it. */
export async function readPin(modelsDir: string, url: string): Promise<string | undefined> {
  return (await readPins(modelsDir))[url];
}

export async function writePin(modelsDir: string, url: string, sha256: string): Promise<void> {
  const pins = { ...(await readPins(modelsDir)), [url]: sha256 };
  await replaceFile(join(modelsDir, 'pins.json'), jsonText(pins));
}

async function readPins(modelsDir: string): Promise<z.infer<typeof pinsSchema>> {
  try {
    return await readJson(join(modelsDir, 'pins.json'), pinsSchema);
  } catch (error) {
    const cause = error instanceof PipelineError ? error.cause : undefined;
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
      return {};
    }
    throw error;
  }
}

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { PipelineError } from '../../core/errors.js';
import type { ModelManifest } from '../../core/inference/model-manifest.js';
import { readModelFolder } from './load-model.js';

export interface ListedModel {
  readonly name: string;
  readonly folder: string;
  /** Undefined when the manifest is not valid; `problem` says why. */
  readonly manifest?: ModelManifest;
  readonly problem?: string;
}

/** Every folder with a manifest on the search path; of two with one name, the one that is loaded. */
export async function listModels(searchPath: readonly string[]): Promise<ListedModel[]> {
  const found = new Map<string, ListedModel>();
  for (const parent of searchPath) {
    const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
    for (const { name } of entries.filter((entry) => entry.isDirectory())) {
      if (!name.startsWith('.') && !found.has(name)) {
        found.set(name, await describeModel(name, join(parent, name)));
      }
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function describeModel(name: string, folder: string): Promise<ListedModel> {
  try {
    return { name, ...(await readModelFolder(folder, [])) };
  } catch (error) {
    if (!(error instanceof PipelineError)) {
      throw error;
    }
    return { name, folder, problem: error.message };
  }
}

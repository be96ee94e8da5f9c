import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { prepareImage } from '../../adapters/dicom/prepare-image.js';
import { PipelineError } from '../../core/errors.js';
import { DEFAULT_GATE_POLICY } from '../../core/gating/gate-policy.js';
import type { ModelManifest } from '../../core/inference/model-manifest.js';

/** All files under a folder, in the order of their names. */
export async function imagesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(
    (cause: unknown) => {
      throw new PipelineError('file-unreadable', `${folder} cannot be read.`, { cause });
    },
  );
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Up to `count` tensors of images that the model would analyse, taken evenly from all. */
export async function calibrationImages(
  paths: readonly string[],
  manifest: ModelManifest,
  count: number,
): Promise<Float32Array[]> {
  const tensors: Float32Array[] = [];
  const step = Math.max(1, paths.length / count);
  for (let at = 0; at < paths.length && tensors.length < count; at += step) {
    const tensor = await networkInput(paths[Math.floor(at)] ?? '', manifest);
    if (tensor !== undefined) {
      tensors.push(tensor);
    }
  }
  return tensors;
}

/** What the network sees of a file; undefined when the gates refuse it. */
export async function networkInput(
  path: string,
  { input }: ModelManifest,
): Promise<Float32Array | undefined> {
  const { recipe, channels, width, height } = input;
  const prepared = await prepareImage(
    { path },
    {
      recipe,
      inputSize: { channels, width, height },
      gatePolicy: DEFAULT_GATE_POLICY,
    },
  );
  return prepared.kind === 'ready' ? prepared.tensor : undefined;
}

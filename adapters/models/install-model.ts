import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { PipelineError } from '../../core/errors.js';
import type { ModelManifest } from '../../core/inference/model-manifest.js';
import type { ModelSelfTest } from '../../core/inference/model-self-test.js';

export interface ModelFiles {
  readonly manifest: ModelManifest;
  readonly onnx: Uint8Array;
  readonly selfTest: ModelSelfTest;
}

/** Begins with a dot: no model has such a name, so that a folder left by a crash is never loaded. */
const STAGING = '.staging-';

/**
 * Puts a model into a folder of models as a whole: written beside it, flushed to the disk, renamed. Whoever
 * loads the model meanwhile has the old one or the new one. Throws `model-exists` unless it may be replaced.
 */
export async function installModel(
  modelsDir: string,
  { manifest, onnx, selfTest }: ModelFiles,
  { replace }: { readonly replace: boolean },
): Promise<string> {
  const target = join(modelsDir, manifest.name);
  if (!replace && existsSync(target)) {
    throw new PipelineError('model-exists', `${target} is there already; --force replaces it.`);
  }
  const stage = join(modelsDir, `${STAGING}${randomBytes(6).toString('hex')}`);
  try {
    await writeDurably(join(stage, manifest.file.path), onnx);
    await writeDurably(join(stage, 'self-test.json'), jsonText(selfTest));
    await writeDurably(join(stage, 'manifest.json'), jsonText(manifest));
    await swap(stage, target);
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
  await syncFolder(modelsDir);
  return target;
}

/** Replaces a file so that a crash leaves the old content or the new one. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeDurably(temporary, content);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(dirname(path));
}

export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

async function swap(stage: string, target: string): Promise<void> {
  if (!existsSync(target)) {
    await rename(stage, target);
    return;
  }
  const old = `${stage}-old`;
  await rename(target, old);
  try {
    await rename(stage, target);
  } catch (error) {
    await rename(old, target);
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}

async function writeDurably(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  // Windows has no handle on a folder; there the rename is flushed with the volume.
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}

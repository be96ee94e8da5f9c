import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { PipelineError } from '../../core/errors.js';
import {
  chooseWeights,
  type ModelWeights,
  type WeightsChoice,
} from '../../core/inference/choose-weights.js';
import { modelManifestSchema, type ModelManifest } from '../../core/inference/model-manifest.js';
import { modelSelfTestSchema, type ModelSelfTest } from '../../core/inference/model-self-test.js';
import { findModelFolder } from './find-model.js';
import { readJson } from './read-json.js';

/** A model whose manifest has been read; its weights have not. */
export interface ModelFolder {
  readonly folder: string;
  readonly manifest: ModelManifest;
}

/** A model folder with its weights, which are the ones that the manifest describes. */
export interface LoadedModel extends ModelFolder {
  /** Which of the model's files it is. */
  readonly weights: ModelWeights;
  /** The ONNX file. */
  readonly bytes: Uint8Array;
  /** Absent when the folder has none for these weights. */
  readonly selfTest: ModelSelfTest | undefined;
}

/** Finds a model and reads its manifest. Throws `model-not-found` or `model-manifest-invalid`. */
export async function readModelFolder(
  nameOrFolder: string,
  searchPath: readonly string[],
): Promise<ModelFolder> {
  const folder = findModelFolder(nameOrFolder, searchPath);
  const manifest = await readJson(join(folder, 'manifest.json'), modelManifestSchema);
  return { folder, manifest };
}

/**
 * A model, ready to become a session. The bytes that are hashed are the bytes that are returned, so the
 * file cannot change in between. Throws what `readModelFolder` throws, `model-hash-mismatch` when the
 * weights are others, `model-not-found` when they are missing, and what `chooseWeights` throws.
 */
export async function loadModel(
  nameOrFolder: string,
  searchPath: readonly string[],
  choice: WeightsChoice = { precision: 'fp32', fastInt8: false },
): Promise<LoadedModel> {
  const { folder, manifest } = await readModelFolder(nameOrFolder, searchPath);
  const weights = chooseWeights(manifest, choice);
  const bytes = await readWeights(join(folder, weights.file.path), weights.file);
  const selfTest = await readSelfTest(folder, weights.selfTest, manifest);
  return { folder, manifest, weights, bytes, selfTest };
}

async function readWeights(path: string, file: ModelManifest['file']): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new PipelineError('model-not-found', `The model file ${path} cannot be read.`, { cause });
  });
  if (bytes.byteLength !== file.sizeBytes) {
    throw new PipelineError(
      'model-hash-mismatch',
      `${path} has ${bytes.byteLength} bytes, its manifest says ${file.sizeBytes}.`,
    );
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== file.sha256) {
    throw new PipelineError(
      'model-hash-mismatch',
      `${path} has the SHA-256 ${sha256}, its manifest says ${file.sha256}.`,
    );
  }
  return bytes;
}

async function readSelfTest(
  folder: string,
  file: string,
  manifest: ModelManifest,
): Promise<ModelSelfTest | undefined> {
  if (file === '') {
    return undefined;
  }
  const path = join(folder, file);
  let selfTest: ModelSelfTest;
  try {
    selfTest = await readJson(path, modelSelfTestSchema);
  } catch (error) {
    if (error instanceof PipelineError && isMissing(error.cause)) {
      return undefined;
    }
    throw error;
  }
  for (const [index, { logits }] of selfTest.cases.entries()) {
    if (logits.length !== manifest.findings.length) {
      throw new PipelineError(
        'model-manifest-invalid',
        `${path}: cases[${index}].logits: expected ${manifest.findings.length} values`,
      );
    }
  }
  return selfTest;
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}

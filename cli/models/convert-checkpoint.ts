import { createHash } from 'node:crypto';

import type { ModelFiles } from '../../adapters/models/install-model.js';
import { createClassifierSession } from '../../adapters/onnx/classifier-session.js';
import { encodeOnnx } from '../../adapters/onnx/onnx-file.js';
import { computeSelfTest } from '../../adapters/onnx/self-test.js';
import { readCheckpoint } from '../../adapters/pytorch/read-checkpoint.js';
import { PipelineError } from '../../core/errors.js';
import { modelManifestSchema, type ModelManifest } from '../../core/inference/model-manifest.js';
import { trainedRows, type ConvertedWeights } from '../../core/models/imported-manifest.js';
import { buildDenseNet } from '../../core/onnx/densenet.js';

export interface Conversion {
  readonly checkpoint: Buffer;
  /** Of the classifier's outputs, in order; null or an empty text leaves an output out. */
  readonly labels: readonly (string | null)[];
  readonly size: number;
  /** Where the file came from. */
  readonly origin: string;
  manifest(converted: ConvertedWeights): ModelManifest;
}

/** A checkpoint as a model folder's content: graph, manifest, and a self-test of what it computes here. */
export async function convertCheckpoint(conversion: Conversion): Promise<ModelFiles> {
  const { checkpoint, labels, size, origin } = conversion;
  const weights = await readCheckpoint(checkpoint);
  const outputs = weights.get('classifier.bias')?.values.length;
  if (outputs !== undefined && outputs !== labels.length) {
    throw new PipelineError(
      'checkpoint-invalid',
      `The classifier has ${outputs} outputs, and ${labels.length} labels were given.`,
    );
  }
  const { model, channels } = buildDenseNet(weights, { size, outputs: trainedRows(labels) });
  if (channels !== 1 && channels !== 3) {
    throw new PipelineError('checkpoint-invalid', `The network takes ${channels} channels.`);
  }
  const onnx = encodeOnnx(model);
  const sha256 = sha256Of(onnx);
  const manifest = modelManifestSchema.parse(
    conversion.manifest({
      // The hash is in the name, so that another conversion never has the path of this one.
      file: { path: `1.0.0/model-${sha256.slice(0, 8)}.onnx`, sha256, sizeBytes: onnx.length },
      channels,
      origin: `${origin}, SHA-256 ${sha256Of(checkpoint)}.`,
    }),
  );
  const session = await createClassifierSession({ bytes: onnx, manifest, provider: 'cpu' });
  try {
    return { manifest, onnx, selfTest: await computeSelfTest(session, manifest) };
  } finally {
    await session.release();
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { jsonText, replaceFile } from '../../adapters/models/install-model.js';
import { loadModel } from '../../adapters/models/load-model.js';
import { observeTensors } from '../../adapters/onnx/observe-ranges.js';
import { decodeOnnx, encodeOnnx } from '../../adapters/onnx/onnx-file.js';
import { modelManifestSchema } from '../../core/inference/model-manifest.js';
import { quantisableGraph } from '../../core/onnx/quantisable-graph.js';
import { planQuantisation } from '../../core/onnx/quantisation-plan.js';
import { quantiseGraph } from '../../core/onnx/quantise-graph.js';
import { rangeOf } from '../../core/onnx/tensor-ranges.js';
import { networkInput } from '../models/calibration-images.js';

/**
 * Gives an installed model an int8 form as `preread models quantise` makes it, with all layers quantised: for its
 * speed alone, so it is neither searched for the best ranges nor evaluated.
 */
export async function addInt8Form(folder: string, images: readonly string[]): Promise<void> {
  const { bytes, manifest } = await loadModel(folder, []);
  const inputs = await Promise.all(images.map((path) => networkInput(path, manifest)));
  const tensors = inputs.filter((input) => input !== undefined);
  const decoded = decodeOnnx(bytes);
  const model = { ...decoded, graph: quantisableGraph(decoded.graph) };
  const plan = planQuantisation(model.graph);
  const histograms = await observeTensors(model, plan.tensors, tensors);
  const ranges = new Map([...histograms].map(([name, found]) => [name, rangeOf(found, 0)]));
  const onnx = encodeOnnx({ ...model, graph: quantiseGraph(model.graph, plan, ranges) });
  const file = {
    path: `${manifest.version}/int8.onnx`,
    sha256: createHash('sha256').update(onnx).digest('hex'),
    sizeBytes: onnx.length,
  };
  await writeFile(join(folder, file.path), onnx);
  const changed = modelManifestSchema.parse({
    ...manifest,
    variants: [{ precision: 'int8', file }],
  });
  await replaceFile(join(folder, 'manifest.json'), jsonText(changed));
}

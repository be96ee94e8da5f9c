import type { InferenceSession } from './runtime.js';

import { PipelineError } from '../../core/errors.js';
import type { ModelManifest } from '../../core/inference/model-manifest.js';

type Metadata = readonly InferenceSession.ValueMetadata[];

/** A dimension that the manifest leaves open: any size, fixed or symbolic. */
const ANY = -1;

/**
 * Whether the graph has the inputs and outputs that its manifest promises. A symbolic dimension fits any
 * size; the batch may be symbolic or 1. Throws `model-graph-mismatch` with what was expected.
 */
export function checkGraph(
  session: Pick<InferenceSession, 'inputMetadata' | 'outputMetadata'>,
  manifest: ModelManifest,
): void {
  const { input, outputs, findings } = manifest;
  const others = session.inputMetadata.filter(({ name }) => name !== input.name);
  if (others.length > 0) {
    throw mismatch(`it has the further input ${others.map(({ name }) => name).join(', ')}`);
  }
  checkTensor('input', session.inputMetadata, input.name, [
    1,
    input.channels,
    input.height,
    input.width,
  ]);
  checkTensor('output', session.outputMetadata, outputs.logits, [1, findings.length]);
  if (outputs.cams !== undefined) {
    checkTensor('output', session.outputMetadata, outputs.cams, [1, findings.length, ANY, ANY]);
  }
  if (outputs.ood !== undefined) {
    checkTensor('output', session.outputMetadata, outputs.ood, [1, 1]);
  }
}

function checkTensor(
  side: 'input' | 'output',
  metadata: Metadata,
  name: string,
  expected: readonly number[],
): void {
  const tensor = metadata.find((value) => value.name === name);
  if (tensor === undefined) {
    const names = metadata.map((value) => value.name).join(', ');
    throw mismatch(`it has no ${side} ${name}, only ${names}`);
  }
  if (!tensor.isTensor || tensor.type !== 'float32') {
    throw mismatch(`its ${side} ${name} is not a float32 tensor`);
  }
  const fits =
    tensor.shape.length === expected.length &&
    tensor.shape.every((size, axis) => sizeFits(size, expected[axis] ?? ANY));
  if (!fits) {
    const wanted = expected.map((size) => (size === ANY ? 'any' : size)).join(', ');
    throw mismatch(
      `its ${side} ${name} has the shape [${tensor.shape.join(', ')}], the manifest says [${wanted}]`,
    );
  }
}

function sizeFits(size: number | string, expected: number): boolean {
  return typeof size === 'string' || expected === ANY || size === expected;
}

function mismatch(difference: string): PipelineError {
  return new PipelineError(
    'model-graph-mismatch',
    `The model graph differs from its manifest: ${difference}.`,
  );
}

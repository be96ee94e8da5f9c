import { withDepthwiseNorms } from './depthwise-norms.js';
import { withDepthwisePools } from './depthwise-pools.js';
import { withFoldedStem } from './folded-stem.js';
import type { OnnxGraph } from './onnx-model.js';

/** The same network of operators that the runtime computes fast in int8. */
export function quantisableGraph(graph: OnnxGraph): OnnxGraph {
  return withFoldedStem(withDepthwisePools(withDepthwiseNorms(graph)));
}

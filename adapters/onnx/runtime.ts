/**
 * onnxruntime, the only way in: what it is imported through turns its telemetry off before it starts.
 */
import './no-telemetry.js';

export { env, InferenceSession, Tensor } from 'onnxruntime-node';

import { loadModel, type LoadedModel } from '../../adapters/models/load-model.js';
import {
  createClassifierSession,
  type ClassifierSession,
} from '../../adapters/onnx/classifier-session.js';
import { DEFAULT_MAX_BATCH } from '../../adapters/onnx/execution-providers.js';
import { hasFastInt8 } from '../../adapters/onnx/int8-support.js';
import { warmUp } from '../../adapters/onnx/self-test.js';
import { PipelineError } from '../../core/errors.js';
import type { EngineFacts } from '../../core/inference/image-classifier.js';
import type { ModelManifest } from '../../core/inference/model-manifest.js';
import type { ClassifierSettings } from './classifier-settings.js';

export interface OpenSession {
  readonly session: ClassifierSession;
  readonly manifest: ModelManifest;
  readonly engine: EngineFacts;
  /** Images that it takes at once. */
  readonly maxBatch: number;
  /** Why it is not the provider or the number format that comes first. */
  readonly fallback: { readonly wanted: string; readonly reason: string } | undefined;
}

type SessionSettings = Pick<
  ClassifierSettings,
  'model' | 'modelSearchPath' | 'provider' | 'precision' | 'threads' | 'maxBatch'
>;

/**
 * The model, warm and tested, in the best form that works here. `auto` returns to fp32 when int8 does not
 * pass its self-test on this machine, or when something else than the processor computes: int8 in this
 * form (QDQ) is made for processors.
 */
export async function openSession(settings: SessionSettings): Promise<OpenSession> {
  const { model, modelSearchPath, precision } = settings;
  const choice = { precision, fastInt8: hasFastInt8() };
  const first = await loadModel(model, modelSearchPath, choice);
  if (precision !== 'auto' || first.weights.precision === 'fp32') {
    return openWeights(first, settings);
  }
  const wanted = first.weights.precision;
  let reason: string;
  try {
    const opened = await openWeights(first, settings);
    if (opened.engine.executionProvider === 'cpu') {
      return opened;
    }
    await opened.session.release();
    reason = `${opened.engine.executionProvider} computes`;
  } catch (error) {
    if (!(error instanceof PipelineError)) {
      throw error;
    }
    reason = error.message;
  }
  const fp32 = await loadModel(model, modelSearchPath, { ...choice, precision: 'fp32' });
  const opened = await openWeights(fp32, settings);
  return { ...opened, fallback: opened.fallback ?? { wanted, reason } };
}

async function openWeights(
  { bytes, manifest, selfTest, weights }: LoadedModel,
  { provider, threads, maxBatch: wantedBatch }: SessionSettings,
): Promise<OpenSession> {
  const session = await createClassifierSession({ bytes, manifest, provider, threads });
  const maxBatch = session.takesBatches
    ? (wantedBatch ?? DEFAULT_MAX_BATCH[session.executionProvider])
    : 1;
  try {
    await warmUp(session, manifest, selfTest, maxBatch);
  } catch (error) {
    await session.release();
    throw error;
  }
  const { executionProvider, fallback } = session;
  const { precision, file } = weights;
  const engine = { executionProvider, precision, sha256: file.sha256 };
  return { session, manifest, engine, maxBatch, fallback };
}

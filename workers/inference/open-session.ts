import { loadModel, type LoadedModel } from '../../adapters/models/load-model.js';
import {
  createClassifierSession,
  type ClassifierSession,
} from '../../adapters/onnx/classifier-session.js';
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
  /** Why it is not the provider or the number format that comes first. */
  readonly fallback: { readonly wanted: string; readonly reason: string } | undefined;
}

type SessionSettings = Pick<
  ClassifierSettings,
  'model' | 'modelSearchPath' | 'provider' | 'precision'
>;

/**
 * The model, warm and tested, in the best form that works here. `auto` returns to fp32 when int8 does not
 * pass its self-test on this machine, or when something else than the processor computes: int8 in this
 * form (QDQ) is made for processors.
 */
export async function openSession(settings: SessionSettings): Promise<OpenSession> {
  const { model, modelSearchPath, provider, precision } = settings;
  const choice = { precision, fastInt8: hasFastInt8() };
  const first = await loadModel(model, modelSearchPath, choice);
  if (precision !== 'auto' || first.weights.precision === 'fp32') {
    return openWeights(first, provider);
  }
  const wanted = first.weights.precision;
  let reason: string;
  try {
    const opened = await openWeights(first, provider);
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
  const opened = await openWeights(fp32, provider);
  return { ...opened, fallback: opened.fallback ?? { wanted, reason } };
}

async function openWeights(
  { bytes, manifest, selfTest, weights }: LoadedModel,
  provider: ClassifierSettings['provider'],
): Promise<OpenSession> {
  const session = await createClassifierSession({ bytes, manifest, provider });
  try {
    await warmUp(session, manifest, selfTest);
  } catch (error) {
    await session.release();
    throw error;
  }
  const { executionProvider, fallback } = session;
  const { precision, file } = weights;
  const engine = { executionProvider, precision, sha256: file.sha256 };
  return { session, manifest, engine, fallback };
}

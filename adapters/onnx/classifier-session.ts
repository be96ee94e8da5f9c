import { env, InferenceSession, Tensor } from 'onnxruntime-node';

import { PipelineError } from '../../core/errors.js';
import type { CamTensor } from '../../core/inference/image-classifier.js';
import type { ModelManifest } from '../../core/inference/model-manifest.js';
import { checkGraph } from './check-graph.js';
import {
  providersToTry,
  reasonOf,
  runtimeProviders,
  unavailableMessage,
  type ExecutionProvider,
  type ProviderChoice,
  type ProviderFallback,
} from './execution-providers.js';

/**
 * One thread a session: two sessions of one thread each beat one session of two threads on every network
 * measured, and one thread adds up in one order, so equal input gives equal bits.
 */
const SESSION_OPTIONS = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
  logSeverityLevel: 4,
} as const satisfies InferenceSession.SessionOptions;

// Native code writes to stderr by itself; what it calls an error is thrown as well, so it is not lost.
env.logLevel = 'fatal';

export interface ClassifierOutput {
  /** Shape: [findings], before any sigmoid. */
  readonly logits: readonly number[];
  readonly cams?: CamTensor;
  /** Log-odds that the image is not what the model is for; present when the model has the output. */
  readonly ood?: number;
}

/** A model in memory. `run` blocks the event loop while it computes, whatever its type says. */
export interface ClassifierSession {
  readonly executionProvider: ExecutionProvider;
  readonly fallback: ProviderFallback | undefined;
  /** Shape of the tensor: [channels, height, width] of the manifest's input. Throws `internal`. */
  run(tensor: Float32Array, options?: { readonly cams?: boolean }): Promise<ClassifierOutput>;
  release(): Promise<void>;
}

export interface ClassifierSessionOptions {
  readonly bytes: Uint8Array;
  readonly manifest: ModelManifest;
  readonly provider: ProviderChoice;
}

/**
 * A session on the best provider that works here, checked against the manifest. Throws
 * `provider-unavailable` when the one that is demanded does not work, and `model-graph-mismatch`, also when
 * the runtime cannot read the graph at all.
 */
export async function createClassifierSession({
  bytes,
  manifest,
  provider,
}: ClassifierSessionOptions): Promise<ClassifierSession> {
  const { session, executionProvider, fallback } = await openSession(bytes, provider);
  const { input, outputs } = manifest;
  try {
    checkGraph(session, manifest);
  } catch (error) {
    await session.release();
    throw error;
  }
  const dimensions = [1, input.channels, input.height, input.width];
  const always = outputs.ood === undefined ? [outputs.logits] : [outputs.logits, outputs.ood];
  const withCams = outputs.cams === undefined ? always : [...always, outputs.cams];

  return {
    executionProvider,
    fallback,
    async run(tensor, { cams = false } = {}) {
      const feeds = { [input.name]: new Tensor('float32', tensor, dimensions) };
      const result = await session.run(feeds, cams ? withCams : always);
      const logits = Array.from(floats(result[outputs.logits]));
      if (!logits.every(Number.isFinite)) {
        throw new PipelineError('internal', 'The model gave a logit that is not a number.');
      }
      const ood = outputs.ood === undefined ? undefined : floats(result[outputs.ood])[0];
      const maps = outputs.cams === undefined ? undefined : result[outputs.cams];
      return {
        logits,
        ...(ood === undefined ? {} : { ood }),
        ...(maps === undefined ? {} : { cams: camTensor(maps) }),
      };
    },
    release: () => session.release(),
  };
}

interface OpenSession {
  readonly session: InferenceSession;
  readonly executionProvider: ExecutionProvider;
  readonly fallback: ProviderFallback | undefined;
}

/** The runtime throws when it lacks a provider and never falls back by itself, so each is tried alone. */
async function openSession(bytes: Uint8Array, choice: ProviderChoice): Promise<OpenSession> {
  let fallback: ProviderFallback | undefined;
  for (const executionProvider of providersToTry(choice)) {
    try {
      const session = await InferenceSession.create(bytes, {
        ...SESSION_OPTIONS,
        executionProviders: runtimeProviders(executionProvider),
      });
      return { session, executionProvider, fallback };
    } catch (cause) {
      if (executionProvider === 'cpu') {
        const message = 'The runtime cannot read the model graph.';
        throw new PipelineError('model-graph-mismatch', message, { cause });
      }
      const reason = reasonOf(firstLine(cause));
      if (choice !== 'auto') {
        const message = unavailableMessage(executionProvider, reason, process);
        throw new PipelineError('provider-unavailable', message, { cause });
      }
      fallback ??= { wanted: executionProvider, reason };
    }
  }
  throw new Error('unreachable: the CPU is tried last');
}

function floats(tensor: Tensor | undefined): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) {
    throw new PipelineError('internal', 'The model gave no float32 tensor.');
  }
  return tensor.data;
}

function camTensor(tensor: Tensor): CamTensor {
  const [, , height = 0, width = 0] = tensor.dims;
  return { data: floats(tensor), height, width };
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? '';
}

import { env, InferenceSession, Tensor } from './runtime.js';

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

const SESSION_OPTIONS = {
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
  /** Whether the graph takes more than one image at a time. */
  readonly takesBatches: boolean;
  /** Shape of the tensor: [channels, height, width] of the manifest's input. Throws `internal`. */
  run(tensor: Float32Array, options?: { readonly cams?: boolean }): Promise<ClassifierOutput>;
  /** The same for several images at once, in their order. */
  runBatch(
    tensors: readonly Float32Array[],
    options?: { readonly cams?: boolean },
  ): Promise<ClassifierOutput[]>;
  release(): Promise<void>;
}

export interface ClassifierSessionOptions {
  readonly bytes: Uint8Array;
  readonly manifest: ModelManifest;
  readonly provider: ProviderChoice;
  /**
   * Threads of one session, 1 by default: two sessions of one thread each beat one session of two threads on every
   * network measured, and one thread adds up in one order, so equal input gives equal bits.
   */
  readonly threads?: number;
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
  threads = 1,
}: ClassifierSessionOptions): Promise<ClassifierSession> {
  const { session, executionProvider, fallback } = await openSession(bytes, provider, threads);
  const { input, outputs } = manifest;
  try {
    checkGraph(session, manifest);
  } catch (error) {
    await session.release();
    throw error;
  }
  const pixels = input.channels * input.height * input.width;
  const [batchSize] =
    session.inputMetadata.flatMap((value) => (value.isTensor ? [value.shape] : []))[0] ?? [];
  const always = outputs.ood === undefined ? [outputs.logits] : [outputs.logits, outputs.ood];
  const withCams = outputs.cams === undefined ? always : [...always, outputs.cams];

  async function runBatch(
    tensors: readonly Float32Array[],
    { cams = false } = {},
  ): Promise<ClassifierOutput[]> {
    const values = tensors.length === 1 ? tensors[0]! : concatenated(tensors, pixels);
    const dimensions = [tensors.length, input.channels, input.height, input.width];
    const feeds = { [input.name]: new Tensor('float32', values, dimensions) };
    const result = await session.run(feeds, cams ? withCams : always);
    const logits = rows(floats(result[outputs.logits]), tensors.length);
    const ood = outputs.ood === undefined ? undefined : floats(result[outputs.ood]);
    const maps = outputs.cams === undefined ? undefined : result[outputs.cams];
    return logits.map((row, index) => {
      if (!row.every(Number.isFinite)) {
        throw new PipelineError('internal', 'The model gave a logit that is not a number.');
      }
      const oodOfImage = ood?.[index];
      return {
        logits: Array.from(row),
        ...(oodOfImage === undefined ? {} : { ood: oodOfImage }),
        ...(maps === undefined ? {} : { cams: camTensor(maps, index) }),
      };
    });
  }

  return {
    executionProvider,
    fallback,
    takesBatches: typeof batchSize === 'string',
    runBatch,
    async run(tensor, options) {
      const [output] = await runBatch([tensor], options);
      return output!;
    },
    release: () => session.release(),
  };
}

function concatenated(tensors: readonly Float32Array[], pixels: number): Float32Array {
  const values = new Float32Array(tensors.length * pixels);
  for (const [index, tensor] of tensors.entries()) {
    values.set(tensor, index * pixels);
  }
  return values;
}

/** The equal parts of an output, one for each image. */
function rows(values: Float32Array, count: number): Float32Array[] {
  const length = values.length / count;
  return Array.from({ length: count }, (_, index) =>
    values.subarray(index * length, (index + 1) * length),
  );
}

interface OpenSession {
  readonly session: InferenceSession;
  readonly executionProvider: ExecutionProvider;
  readonly fallback: ProviderFallback | undefined;
}

/** The runtime throws when it lacks a provider and never falls back by itself, so each is tried alone. */
async function openSession(
  bytes: Uint8Array,
  choice: ProviderChoice,
  threads: number,
): Promise<OpenSession> {
  let fallback: ProviderFallback | undefined;
  for (const executionProvider of providersToTry(choice)) {
    try {
      const session = await InferenceSession.create(bytes, {
        ...SESSION_OPTIONS,
        intraOpNumThreads: threads,
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

function camTensor(tensor: Tensor, index: number): CamTensor {
  const [images = 1, , height = 0, width = 0] = tensor.dims;
  const data = floats(tensor);
  // A part of a batch is copied: what crosses to another process takes its whole buffer along.
  return { data: images === 1 ? data : rows(data, images)[index]!.slice(), height, width };
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? '';
}

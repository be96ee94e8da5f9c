/** What a user may ask for. `auto` takes a GPU where there is one. */
export const PROVIDER_CHOICES = ['auto', 'cuda', 'tensorrt', 'cpu'] as const;
export type ProviderChoice = (typeof PROVIDER_CHOICES)[number];

export type ExecutionProvider = Exclude<ProviderChoice, 'auto'>;

/** Why another provider than the first one of the list is in use. */
export interface ProviderFallback {
  readonly wanted: ExecutionProvider;
  readonly reason: string;
}

/**
 * Which providers to try, the best first. Only `auto` falls back: who names a GPU has bought one, and wants to
 * know when it stands idle.
 *
 * TensorRT compiles an engine for minutes when it first sees a model, so `auto` does not take it.
 */
export function providersToTry(choice: ProviderChoice): readonly ExecutionProvider[] {
  return choice === 'auto' ? ['cuda', 'cpu'] : [choice];
}

/**
 * Images that a session takes at once unless a setting says otherwise. On a processor a batch gains nothing (31
 * images a second of DenseNet121 on a core, alone or in batches) and makes the first of its images wait; a card is
 * fed by launches, which a batch shares. Those of the cards are a cautious choice, not a measurement:
 * `preread tune` measures.
 */
export const DEFAULT_MAX_BATCH: Readonly<Record<ExecutionProvider, number>> = {
  cpu: 1,
  cuda: 8,
  tensorrt: 8,
};

/** What the runtime gets for one of them: what TensorRT cannot compile, CUDA computes. */
export function runtimeProviders(provider: ExecutionProvider): ExecutionProvider[] {
  return provider === 'tensorrt' ? ['tensorrt', 'cuda'] : [provider];
}

/** What the runtime says of a provider that it does not have, for people: on most machines the common case. */
export function reasonOf(message: string): string {
  return message.includes('Failed to load shared library')
    ? 'its libraries are not installed'
    : message;
}

/** Why a provider that was asked for cannot be had, and the next step. */
export function unavailableMessage(
  provider: Exclude<ExecutionProvider, 'cpu'>,
  reason: string,
  system: { readonly platform: string; readonly arch: string },
): string {
  const name = provider === 'cuda' ? 'CUDA' : 'TensorRT';
  const next =
    system.platform === 'linux' && system.arch === 'x64'
      ? `It needs an NVIDIA driver, CUDA 12 with cuDNN 9${provider === 'tensorrt' ? ', TensorRT 10' : ''} and ` +
        "the runtime's GPU libraries: npm rebuild onnxruntime-node --ignore-scripts=false " +
        '--onnxruntime-node-install=cuda12 (docs/performance.md).'
      : "The runtime's GPU libraries exist for Linux on x64 only.";
  return `${name} cannot be used here: ${reason}. ${next} The provider auto computes on the CPU instead.`;
}

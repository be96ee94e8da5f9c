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
 * Which providers to try, the best first; the last one is always the CPU.
 *
 * TensorRT compiles an engine for minutes when it first sees a model, so `auto` does not take it: who
 * wants it says so.
 */
export function providersToTry(choice: ProviderChoice): readonly ExecutionProvider[] {
  switch (choice) {
    case 'cpu':
      return ['cpu'];
    case 'auto':
    case 'cuda':
      return ['cuda', 'cpu'];
    case 'tensorrt':
      return ['tensorrt', 'cuda', 'cpu'];
  }
}

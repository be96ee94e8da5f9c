const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Turns Ctrl-C and SIGTERM into an aborted signal the first time, and into `stopAtOnce` the second time.
 */
export function onInterruption(stopAtOnce: () => void): {
  readonly signal: AbortSignal;
  release(): void;
} {
  const controller = new AbortController();
  const listener = (): void => {
    if (controller.signal.aborted) {
      stopAtOnce();
    }
    controller.abort();
  };
  for (const name of SIGNALS) {
    process.on(name, listener);
  }
  return {
    signal: controller.signal,
    release() {
      for (const name of SIGNALS) {
        process.off(name, listener);
      }
    },
  };
}

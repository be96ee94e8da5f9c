import { EXIT } from '../exit-codes.js';

/**
 * Resolves with the first SIGINT or SIGTERM. The second one ends the process at once: whatever was not
 * finished is safe in the database and is taken up at the next start.
 */
export function onStopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let stopping = false;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (stopping) {
          process.exit(EXIT.interrupted);
        }
        stopping = true;
        resolve(signal);
      });
    }
  });
}

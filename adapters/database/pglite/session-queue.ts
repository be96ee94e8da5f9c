import { queryMessage } from './protocol.js';

/**
 * Whose turn it is on the one session of an embedded server. Clients take turns in the order of their
 * batches; one that is inside a transaction keeps the session until its transaction has ended.
 */
export interface SessionQueue {
  add(client: number, batch: Uint8Array): void;
  /** Drops what the client has not run yet and rolls its open transaction back. */
  leave(client: number): void;
}

/** Runs a batch of a client; resolves to whether the session is inside a transaction afterwards. */
export type RunBatch = (client: number, batch: Uint8Array) => Promise<boolean>;

export function createSessionQueue(run: RunBatch): SessionQueue {
  let waiting: { readonly client: number; readonly batch: Uint8Array }[] = [];
  let holder: number | undefined;
  let running = false;

  async function runAll(): Promise<void> {
    running = true;
    for (let next; (next = takeNext()) !== undefined;) {
      holder = (await run(next.client, next.batch)) ? next.client : undefined;
    }
    running = false;
  }

  function takeNext() {
    const index = holder === undefined ? 0 : waiting.findIndex(({ client }) => client === holder);
    return index < 0 ? undefined : waiting.splice(index, 1)[0];
  }

  function add(client: number, batch: Uint8Array): void {
    waiting.push({ client, batch });
    if (!running) {
      void runAll();
    }
  }

  return {
    add,
    leave(client) {
      waiting = waiting.filter((entry) => entry.client !== client);
      // Outside a transaction this does nothing, so that nobody has to know whether it is needed.
      add(client, queryMessage('ROLLBACK'));
    },
  };
}

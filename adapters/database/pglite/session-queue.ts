import type { Durability } from './messages.js';
import { queryMessage } from './protocol.js';

/**
 * Whose turn it is on the one session of an embedded server. Clients take turns in the order of their
 * batches; one that is inside a transaction keeps the session until its transaction has ended.
 */
export interface SessionQueue {
  add(turn: Turn): void;
  /** Drops what the client has not run yet and rolls its open transaction back. */
  leave(client: number): void;
}

export interface Turn {
  readonly client: number;
  readonly batch: Uint8Array;
  readonly durability: Durability;
}

export interface SessionDeps {
  /** Runs a batch of a client; resolves to whether the session is inside a transaction afterwards. */
  readonly run: (turn: Turn) => Promise<boolean>;
  /** There is nothing to run until more comes. */
  readonly idle: () => void;
}

export function createSessionQueue({ run, idle }: SessionDeps): SessionQueue {
  let waiting: Turn[] = [];
  let holder: number | undefined;
  let running = false;

  async function runAll(): Promise<void> {
    running = true;
    for (let next; (next = takeNext()) !== undefined;) {
      holder = (await run(next)) ? next.client : undefined;
    }
    running = false;
    idle();
  }

  function takeNext() {
    const index = holder === undefined ? 0 : waiting.findIndex(({ client }) => client === holder);
    return index < 0 ? undefined : waiting.splice(index, 1)[0];
  }

  function add(turn: Turn): void {
    waiting.push(turn);
    if (!running) {
      void runAll();
    }
  }

  return {
    add,
    leave(client) {
      waiting = waiting.filter((entry) => entry.client !== client);
      // Outside a transaction this does nothing, so that nobody has to know whether it is needed.
      add({ client, batch: queryMessage('ROLLBACK'), durability: 'lazy' });
    },
  };
}

import { PipelineError } from '../../../core/errors.js';
import type { Clock } from '../../../core/time.js';
import { transferable, type Durability } from './messages.js';
import type { Received, ThreadHandle } from './thread-handle.js';
import { startThread } from './thread-handle.js';

/** The client's side of a connection to an embedded server. */
export interface Client {
  onAnswer(bytes: Uint8Array): void;
  onNotifications(bytes: Uint8Array): void;
  /** The server has gone; nothing follows. */
  onLost(error: Error): void;
}

export interface Connection {
  /** @param batch protocol messages that end in exactly one ReadyForQuery */
  send(batch: Uint8Array): void;
  close(): void;
}

export interface EmbeddedServer {
  /** Starts the server when it does not run (any more). */
  connect(client: Client, durability: Durability): Promise<Connection>;
  /** Ends the server where it stands, as a power failure would, and for good. */
  abort(reason: PipelineError): void;
  /** Shuts the server down. Idempotent. */
  close(): Promise<void>;
}

/** A server that did not start is not started again before this time has passed. */
const RESTART_PAUSE_MS = 2_000;

/** PGlite in a thread. A crashed server is started again for the next connection. */
export function createEmbeddedServer(databaseFolder: string, clock: Clock): EmbeddedServer {
  const clients = new Map<number, Client>();
  let lastClient = 0;
  let thread: ThreadHandle | undefined;
  let notBefore = { timeMs: -Infinity, reason: new Error() };
  let closed: Error | undefined;

  function receive(message: Received): void {
    if (message.kind === 'answer') {
      clients.get(message.client)?.onAnswer(message.bytes);
    } else {
      clients.forEach((client) => {
        client.onNotifications(message.bytes);
      });
    }
  }

  function start(): ThreadHandle {
    const started = startThread(databaseFolder, receive);
    started.ready.catch((reason: unknown) => {
      notBefore = { timeMs: clock() + RESTART_PAUSE_MS, reason: reason as Error };
    });
    void started.ended.then(() => {
      thread = undefined;
      const lost = [...clients.values()];
      clients.clear();
      lost.forEach((client) => {
        client.onLost(closed ?? new Error('the embedded database has crashed'));
      });
    });
    return started;
  }

  return {
    async connect(client, durability) {
      if (closed !== undefined) {
        throw closed;
      }
      if (thread === undefined && clock() < notBefore.timeMs) {
        throw notBefore.reason;
      }
      const mine = (thread ??= start());
      await mine.ready;
      const id = ++lastClient;
      clients.set(id, client);
      return {
        send: (batch) => {
          const bytes = transferable(batch);
          mine.post({ kind: 'batch', client: id, bytes, durability }, [bytes.buffer]);
        },
        close: () => {
          if (clients.delete(id)) {
            mine.post({ kind: 'leave', client: id });
          }
        },
      };
    },

    abort(reason) {
      closed ??= reason;
      thread?.kill();
    },

    async close() {
      closed ??= new PipelineError('shutting-down');
      thread?.post({ kind: 'close' });
      await thread?.ended;
    },
  };
}

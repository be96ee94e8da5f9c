import { Duplex } from 'node:stream';

import type { Durability } from './messages.js';
import { createBatcher, isListen, startupAnswer } from './protocol.js';
import type { Connection, EmbeddedServer } from './server.js';

/**
 * What node-postgres takes for the socket to its server. With it the driver and its pool are the real
 * ones: parameters, types, errors and notifications behave on PGlite as they do on PostgreSQL.
 */
export class EmbeddedSocket extends Duplex {
  readonly #server: EmbeddedServer;
  readonly #durability: Durability;
  readonly #batches = createBatcher();
  #connection: Connection | undefined;
  #listens = false;

  constructor(server: EmbeddedServer, durability: Durability) {
    super();
    this.#server = server;
    this.#durability = durability;
  }

  /** As net.Socket: emits `connect`, or `error`. */
  connect(): void {
    this.#server
      .connect(
        {
          onAnswer: (bytes) => this.push(bytes),
          onNotifications: (bytes) => {
            // The server has one session, which is subscribed to whatever any client listens to.
            if (this.#listens) {
              this.push(bytes);
            }
          },
          onLost: (error) => this.destroy(error),
        },
        this.#durability,
      )
      .then(
        (connection) => {
          if (this.destroyed) {
            connection.close();
          } else {
            this.#connection = connection;
            this.emit('connect');
          }
        },
        (error: unknown) => this.destroy(error as Error),
      );
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const { batches, startup } = this.#batches(chunk);
    if (startup) {
      this.push(startupAnswer());
    }
    for (const batch of batches) {
      this.#listens ||= isListen(batch);
      this.#connection?.send(batch);
    }
    done();
  }

  override _read(): void {
    // Answers are pushed when they come: the driver asks for no more than it wants to read.
  }

  override _final(done: (error?: Error | null) => void): void {
    this.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#connection?.close();
    done(error);
  }

  /** There is no network to tune. */
  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

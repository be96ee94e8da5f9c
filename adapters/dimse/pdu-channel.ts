import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { ABORT_REASONS, PDU_TYPES, PduError } from '../../core/dimse/pdu.js';

/** How an association ended other than by release. */
export class AssociationEnded extends Error {
  readonly how: 'aborted-by-peer' | 'connection-lost' | 'silent' | 'protocol-error';

  constructor(how: AssociationEnded['how'], options?: ErrorOptions) {
    super(`the association has ended: ${how}`, options);
    this.name = 'AssociationEnded';
    this.how = how;
  }
}

export interface Pdu {
  readonly type: number;
  /** Behind type and length. */
  readonly body: Buffer;
}

/** PDUs of a connection, one at a time: nothing is read from the socket that nobody has asked for. */
export interface PduChannel {
  /**
   * The next PDU, which must be there whole within the time.
   * @throws AssociationEnded `connection-lost`, `silent`; PduError for one that is longer than the limit
   */
  next(timeoutMs: number): Promise<Pdu>;
  /** Whether bytes, or the connection's end, come within this time. Reads no PDU. */
  arrives(withinMs: number): Promise<boolean>;
  /** Resolves when the peer's side has room for more. */
  write(pdus: readonly Uint8Array[], timeoutMs: number): Promise<void>;
  /** Sends a last PDU, if any, and closes. Idempotent. */
  close(last?: Uint8Array): void;
}

const HEADER_BYTES = 6;
/** A peer that does not take our last word is not waited for. */
const LINGER_MS = 2_000;

export function createPduChannel(socket: Socket, maxPduBytes: number): PduChannel {
  const chunks = socket.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  // Errors reach the reader by the iterator; without a listener they would end the process.
  socket.on('error', () => undefined);
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let closed = false;
  let coming: Promise<IteratorResult<Buffer, unknown>> | undefined;

  /** The next chunk of the socket; asked for once, also when nobody has waited for it to its end. */
  function nextChunk(): Promise<IteratorResult<Buffer, unknown>> {
    coming ??= chunks.next().catch(() => ({ done: true, value: undefined }) as const);
    return coming;
  }

  async function read(length: number): Promise<Buffer> {
    while (pendingBytes < length) {
      const next = await nextChunk();
      coming = undefined;
      if (next.done === true) {
        throw new AssociationEnded('connection-lost');
      }
      pending.push(next.value);
      pendingBytes += next.value.length;
    }
    const [first] = pending;
    const whole = first !== undefined && first.length >= length ? first : Buffer.concat(pending);
    const rest = whole.subarray(length);
    pending = whole === first ? pending.slice(1) : [];
    if (rest.length > 0) {
      pending.unshift(rest);
    }
    pendingBytes -= length;
    return whole.subarray(0, length);
  }

  async function readPdu(): Promise<Pdu> {
    const header = await read(HEADER_BYTES);
    const type = header[0] ?? 0;
    const length = header.readUInt32BE(2);
    if (type < PDU_TYPES.associateRequest || type > PDU_TYPES.abort) {
      throw new PduError('not a PDU', ABORT_REASONS.unrecognizedPdu);
    }
    if (length > maxPduBytes) {
      throw new PduError('a PDU is longer than the limit');
    }
    return { type, body: await read(length) };
  }

  return {
    next: (timeoutMs) => within(timeoutMs, readPdu()),

    async arrives(withinMs) {
      const timer = new AbortController();
      const silence = sleep(withinMs, false, { signal: timer.signal }).catch(() => false);
      const arrived = await Promise.race([
        pendingBytes > 0 || nextChunk().then(() => true),
        silence,
      ]);
      timer.abort();
      return arrived;
    },

    async write(pdus, timeoutMs) {
      for (const pdu of pdus) {
        if (!socket.writable) {
          throw new AssociationEnded('connection-lost');
        }
        if (!socket.write(pdu)) {
          await within(timeoutMs, drained(socket));
        }
      }
    },

    close(last) {
      if (closed) {
        return;
      }
      closed = true;
      if (last !== undefined && socket.writable) {
        socket.end(last);
      } else {
        socket.end();
      }
      // What still comes is thrown away, so that the peer gets our last PDU and no reset.
      void chunks.return?.().catch(() => undefined);
      socket.resume();
      setTimeout(() => socket.destroy(), LINGER_MS).unref();
    },
  };
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new AssociationEnded('silent'));
    }, timeoutMs);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}

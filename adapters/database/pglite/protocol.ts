/**
 * Just enough of PostgreSQL's frontend/backend protocol 3.0 to share one server session among several
 * clients. A message is a type byte, a length that includes itself (int32, big endian), and a body; only
 * the first message of a client (startup) has no type byte.
 * Source: PostgreSQL documentation, "Message Formats".
 */

const code = (letter: string): number => letter.charCodeAt(0);

const QUERY = code('Q');
const SYNC = code('S');
const TERMINATE = code('X');

/** From ReadyForQuery: idle, in a transaction, in a failed transaction. */
export type TransactionStatus = 'I' | 'T' | 'E';

export interface ClientInput {
  /** The startup message, which every client sends once, has just come. */
  readonly startup: boolean;
  /** Complete batches: the server ends each with one ReadyForQuery. */
  readonly batches: readonly Buffer[];
}

/** Cuts what one client writes, chunk by chunk, into batches. */
export function createBatcher(): (chunk: Uint8Array) => ClientInput {
  let pending = Buffer.alloc(0);
  let awaitsStartup = true;

  return (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    let position = 0;
    let startup = false;
    if (awaitsStartup) {
      if (pending.length < 4 || pending.length < pending.readInt32BE(0)) {
        return { startup: false, batches: [] };
      }
      position = pending.readInt32BE(0);
      startup = true;
      awaitsStartup = false;
    }

    const batches: Buffer[] = [];
    let start = position;
    for (let end; (end = messageEnd(pending, position)) !== undefined; position = end) {
      if (pending[position] === QUERY || pending[position] === SYNC) {
        batches.push(pending.subarray(start, end));
        start = end;
      } else if (pending[position] === TERMINATE) {
        start = end;
      }
    }
    pending = pending.subarray(start);
    return { startup, batches };
  };
}

/** Whether a batch subscribes to a channel. LISTEN takes no parameters, so that it comes as plain text. */
export function isListen(batch: Buffer): boolean {
  return batch[0] === QUERY && /\bLISTEN\b/i.test(batch.toString('latin1', 5));
}

/** One message of the protocol, whole. */
export interface ProtocolMessage {
  readonly type: string;
  readonly bytes: Buffer;
}

export interface ServerOutput {
  /** What the client that asked gets. */
  readonly answer: readonly ProtocolMessage[];
  /** Asynchronous notifications, which every listener gets. */
  readonly notifications: Buffer;
  /** Undefined when the server gave no complete answer, that is: when it has crashed. */
  readonly status: TransactionStatus | undefined;
}

/** Takes the output of one batch apart. */
export function parseServerOutput(output: Buffer): ServerOutput {
  const answer: ProtocolMessage[] = [];
  const notifications: Buffer[] = [];
  let status: TransactionStatus | undefined;
  for (const message of messagesIn(output)) {
    if (message.type === 'A') {
      notifications.push(message.bytes);
      continue;
    }
    answer.push(message);
    if (message.type === 'Z') {
      status = message.bytes.toString('latin1', 5, 6) as TransactionStatus;
    }
  }
  return { answer, notifications: Buffer.concat(notifications), status };
}

/** The complete messages at the start of some bytes, as views of them. */
export function messagesIn(bytes: Buffer): ProtocolMessage[] {
  const messages: ProtocolMessage[] = [];
  let position = 0;
  for (let end; (end = messageEnd(bytes, position)) !== undefined; position = end) {
    const type = String.fromCharCode(bytes[position] ?? 0);
    messages.push({ type, bytes: bytes.subarray(position, end) });
  }
  return messages;
}

/** The text from an offset to the zero byte that ends it, byte for byte. */
export function textAt(bytes: Buffer, offset: number): string {
  const end = bytes.indexOf(0, offset);
  return bytes.toString('latin1', offset, end === -1 ? bytes.length : end);
}

/** What a client gets to its startup message: no password, the settings that drivers read, ready. */
export function startupAnswer(): Buffer {
  return Buffer.concat([
    messageOf('R', Buffer.from([0, 0, 0, 0])),
    parameterStatus('client_encoding', 'UTF8'),
    parameterStatus('DateStyle', 'ISO, MDY'),
    parameterStatus('integer_datetimes', 'on'),
    parameterStatus('standard_conforming_strings', 'on'),
    messageOf('Z', Buffer.from('I')),
  ]);
}

/** A simple query, as a client would send it. */
export function queryMessage(sql: string): Buffer {
  return messageOf('Q', Buffer.from(`${sql}\0`));
}

function parameterStatus(name: string, value: string): Buffer {
  return messageOf('S', Buffer.from(`${name}\0${value}\0`));
}

/** @param type one letter */
export function messageOf(type: string, body: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.write(type, 'latin1');
  header.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([header, body]);
}

function messageEnd(bytes: Buffer, start: number): number | undefined {
  if (bytes.length < start + 5) {
    return undefined;
  }
  const end = start + 1 + bytes.readInt32BE(start + 1);
  return end <= bytes.length ? end : undefined;
}

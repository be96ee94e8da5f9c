import { messageOf, messagesIn, textAt, type ProtocolMessage } from './protocol.js';

/**
 * Statements that the session keeps parsed and planned. Clients send them without a name, as node-postgres and
 * BullMQ do, and the server would parse and plan each one again; the names are given here, because all clients
 * share one session.
 */
export interface PreparedStatements {
  /** A client's batch as the server gets it. */
  prepare(batch: Uint8Array): PreparedBatch;
  /** Messages, to be run on their own, that make the server forget what is not kept any more. */
  takeClosing(): Uint8Array | undefined;
}

export interface PreparedBatch {
  readonly bytes: Uint8Array;
  /**
   * Takes note of what the server said; gives the answer as the client expects it. Undefined when what was kept
   * is outdated and nothing was done: then the batch is to be prepared and run again.
   */
  conclude(messages: readonly ProtocolMessage[]): readonly Buffer[] | undefined;
}

interface Statement {
  readonly key: string;
  readonly name: string;
}

/** Some tens of kilobytes of the server's memory each. Programs have fewer; the rest are lists of varying length. */
const MAX_STATEMENTS = 200;

/** What leaves the meaning of every statement as it is. All else (DDL, SET, VACUUM) ends what was prepared. */
const HARMLESS =
  /^(SELECT|INSERT|UPDATE|DELETE|MERGE|BEGIN|START|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|LISTEN|UNLISTEN|NOTIFY|FETCH)\b/;
/** "cached plan must not change result type", "prepared statement does not exist". Source: PostgreSQL appendix A. */
const OUTDATED = new Set(['0A000', '26000']);

const PARSE_COMPLETE = messageOf('1', Buffer.alloc(0));
const SYNC = messageOf('S', Buffer.alloc(0));

export function createPreparedStatements(): PreparedStatements {
  /** By text and types of the parameters, the least recently used first. */
  const known = new Map<string, Statement>();
  const closing: Statement[] = [];
  let lastNumber = 0;

  function forget(statement: Statement): void {
    known.delete(statement.key);
    closing.push(statement);
  }

  function keep(statement: Statement): void {
    known.delete(statement.key);
    known.set(statement.key, statement);
    const [oldest] = known.values();
    if (known.size > MAX_STATEMENTS && oldest !== undefined) {
      forget(oldest);
    }
  }

  return {
    prepare(batch) {
      const unnamed = unnamedStatement(batch);
      if (unnamed === undefined) {
        return { bytes: batch, conclude: heed };
      }
      const { key, bind, rest } = unnamed;
      const before = known.get(key);
      const statement = before ?? { key, name: `preread_${++lastNumber}` };
      const parse = before === undefined ? [parseMessage(statement)] : [];
      const bytes = Buffer.concat([...parse, bindMessage(statement, bind), rest]);
      return {
        bytes,
        conclude(messages) {
          if (before !== undefined && isOutdated(messages)) {
            forget(statement);
            return endedIdle(messages) ? undefined : bytesOf(messages);
          }
          if (before !== undefined || messages.some(({ type }) => type === '1')) {
            keep(statement);
          }
          const answer = heed(messages);
          return before === undefined ? answer : [PARSE_COMPLETE, ...answer];
        },
      };
    },

    takeClosing() {
      const gone = closing.splice(0);
      return gone.length === 0 ? undefined : Buffer.concat([...gone.map(closeMessage), SYNC]);
    },
  };

  function heed(messages: readonly ProtocolMessage[]): readonly Buffer[] {
    if (messages.some(({ type, bytes }) => type === 'C' && !HARMLESS.test(textAt(bytes, 5)))) {
      [...known.values()].forEach(forget);
    }
    return bytesOf(messages);
  }
}

function isOutdated(messages: readonly ProtocolMessage[]): boolean {
  return messages.some(({ type, bytes }) => type === 'E' && OUTDATED.has(sqlState(bytes) ?? ''));
}

/** Whether the server is outside of a transaction now. */
function endedIdle(messages: readonly ProtocolMessage[]): boolean {
  const last = messages.at(-1);
  return last?.type === 'Z' && textAt(last.bytes, 5) === 'I';
}

function bytesOf(messages: readonly ProtocolMessage[]): readonly Buffer[] {
  return messages.map(({ bytes }) => bytes);
}

/** Of a batch that parses one statement without a name and binds it. */
function unnamedStatement(
  batch: Uint8Array,
): { readonly key: string; readonly bind: Buffer; readonly rest: Buffer } | undefined {
  const [parse, bind, ...rest] = messagesIn(
    Buffer.from(batch.buffer, batch.byteOffset, batch.length),
  );
  if (
    parse?.type !== 'P' ||
    bind?.type !== 'B' ||
    parse.bytes[5] !== 0 ||
    rest.some(({ type }) => type === 'P' || type === 'B')
  ) {
    return undefined;
  }
  const portalLength = textAt(bind.bytes, 5).length;
  return bind.bytes[5 + portalLength + 1] === 0
    ? {
        key: parse.bytes.toString('latin1', 6),
        bind: bind.bytes,
        rest: Buffer.concat(rest.map(({ bytes }) => bytes)),
      }
    : undefined;
}

function parseMessage({ key, name }: Statement): Buffer {
  return messageOf('P', Buffer.concat([Buffer.from(`${name}\0`), Buffer.from(key, 'latin1')]));
}

/** @param bind of the same statement without a name */
function bindMessage({ name }: Statement, bind: Buffer): Buffer {
  const nameAt = 5 + textAt(bind, 5).length + 1;
  return messageOf(
    'B',
    Buffer.concat([bind.subarray(5, nameAt), Buffer.from(name), bind.subarray(nameAt)]),
  );
}

function closeMessage({ name }: Statement): Buffer {
  return messageOf('C', Buffer.from(`S${name}\0`));
}

/** The field `C` of an ErrorResponse. */
function sqlState(error: Buffer): string | undefined {
  return /(?:^|\0)C([0-9A-Z]{5})\0/.exec(error.toString('latin1', 5))?.[1];
}

import { describe, expect, it } from 'vitest';

import {
  createBatcher,
  isListen,
  parseServerOutput,
  queryMessage,
  startupAnswer,
} from './protocol.js';

/** Length 8, protocol 3.0, no parameters. */
const STARTUP = Buffer.from([0, 0, 0, 8, 0, 3, 0, 0]);
const PARSE = message('P', '\0SELECT 1\0\0\0');
const SYNC = message('S', '');
const TERMINATE = message('X', '');

describe('createBatcher', () => {
  it('answers the startup message once and cuts at Query and Sync', () => {
    const batcher = createBatcher();
    expect(batcher(STARTUP)).toEqual({ startup: true, batches: [] });
    const query = queryMessage('SELECT 1');
    expect(batcher(Buffer.concat([query, PARSE, SYNC]))).toEqual({
      startup: false,
      batches: [query, Buffer.concat([PARSE, SYNC])],
    });
  });

  it('gives the same batches however the bytes are cut', () => {
    const bytes = Buffer.concat([STARTUP, PARSE, SYNC, queryMessage('COMMIT'), TERMINATE]);
    const batcher = createBatcher();
    const inputs = [...bytes].map((byte) => batcher(Buffer.from([byte])));
    expect(inputs.filter((input) => input.startup)).toHaveLength(1);
    expect(inputs.flatMap((input) => input.batches)).toEqual([
      Buffer.concat([PARSE, SYNC]),
      queryMessage('COMMIT'),
    ]);
  });

  it('does not forward what the server must not see: the end of a connection', () => {
    const batcher = createBatcher();
    batcher(STARTUP);
    expect(batcher(Buffer.concat([TERMINATE, queryMessage('SELECT 1')])).batches).toEqual([
      queryMessage('SELECT 1'),
    ]);
  });
});

describe('isListen', () => {
  it('sees a LISTEN behind comments and in any case', () => {
    expect(isListen(queryMessage('-- wakes workers\nlisten "jobs";'))).toBe(true);
    expect(isListen(queryMessage('SELECT 1'))).toBe(false);
    expect(isListen(Buffer.concat([PARSE, SYNC]))).toBe(false);
  });
});

describe('parseServerOutput', () => {
  it('takes notifications out of the answer and reads the status', () => {
    const complete = message('C', 'COMMIT\0');
    const notification = message('A', '\0\0\0\x01jobs\0infer\0');
    const ready = message('Z', 'T');
    const output = Buffer.concat([complete, notification, ready]);
    expect(parseServerOutput(output)).toEqual({
      answer: [
        { type: 'C', bytes: complete },
        { type: 'Z', bytes: ready },
      ],
      notifications: notification,
      status: 'T',
    });
  });

  it('has no status when the server stopped before the end of its answer', () => {
    expect(parseServerOutput(message('C', 'INSERT 0 1\0')).status).toBeUndefined();
    expect(parseServerOutput(message('Z', 'I').subarray(0, 5)).status).toBeUndefined();
    expect(parseServerOutput(Buffer.alloc(0)).status).toBeUndefined();
  });
});

describe('startupAnswer', () => {
  it('starts with AuthenticationOk and ends with ReadyForQuery', () => {
    const { answer, status } = parseServerOutput(startupAnswer());
    expect(answer[0]?.bytes).toEqual(message('R', '\0\0\0\0'));
    expect(status).toBe('I');
  });
});

function message(type: string, body: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(4 + body.length);
  return Buffer.concat([Buffer.from(type), length, Buffer.from(body, 'latin1')]);
}

import { describe, expect, it } from 'vitest';

import { createPreparedStatements } from './prepared-statements.js';
import { messageOf, messagesIn, queryMessage } from './protocol.js';

const text = (...parts: string[]): Buffer => Buffer.from(parts.join('\0'), 'latin1');
/** Name, text, no types. */
const parse = (name: string, sql: string): Buffer => messageOf('P', text(name, sql, '\0'));
/** Portal, statement, no formats, no values, no formats of the result. */
const bind = (portal: string, name: string): Buffer =>
  messageOf('B', text(portal, name, '\0\0\0\0\0'));
const REST = Buffer.concat([messageOf('D', text('P', '')), messageOf('S', Buffer.alloc(0))]);
const PARSED = messageOf('1', Buffer.alloc(0));
const READY = messageOf('Z', Buffer.from('I'));
const complete = (tag: string): Buffer => messageOf('C', text(tag, ''));
const answerOf = (...messages: Buffer[]) => messagesIn(Buffer.concat(messages));
const batchOf = (sql: string): Buffer => Buffer.concat([parse('', sql), bind('', ''), REST]);

describe('prepared statements', () => {
  it('sends the text of a statement once and its name from then on', () => {
    const statements = createPreparedStatements();
    const first = statements.prepare(batchOf('SELECT 1'));
    const named = Buffer.concat([bind('', 'preread_1'), REST]);
    expect(first.bytes).toEqual(Buffer.concat([parse('preread_1', 'SELECT 1'), named]));
    first.conclude(answerOf(PARSED, complete('SELECT 1'), READY));
    expect(statements.prepare(batchOf('SELECT 1')).bytes).toEqual(named);
  });

  it('answers as if the client had sent it all', () => {
    const statements = createPreparedStatements();
    const whole = [PARSED, complete('SELECT 1'), READY];
    expect(statements.prepare(batchOf('SELECT 1')).conclude(answerOf(...whole))).toEqual(whole);
    const again = statements.prepare(batchOf('SELECT 1'));
    expect(again.conclude(answerOf(...whole.slice(1)))).toEqual(whole);
  });

  it('leaves alone what a client has named itself, and plain queries', () => {
    const statements = createPreparedStatements();
    for (const batch of [
      Buffer.concat([parse('mine', 'SELECT 1'), bind('', 'mine'), REST]),
      Buffer.concat([bind('', 'mine'), REST]),
      queryMessage('SELECT 1'),
    ]) {
      const prepared = statements.prepare(batch);
      expect(prepared.bytes).toEqual(batch);
      expect(prepared.conclude(answerOf(complete('SELECT 1'), READY))).toHaveLength(2);
    }
  });

  it('forgets everything when a table has changed', () => {
    const statements = createPreparedStatements();
    statements.prepare(batchOf('SELECT 1')).conclude(answerOf(PARSED, complete('SELECT 1'), READY));
    expect(statements.takeClosing()).toBeUndefined();
    statements.prepare(queryMessage('DROP TABLE a')).conclude(answerOf(complete('DROP'), READY));
    expect(statements.takeClosing()).toEqual(
      Buffer.concat([messageOf('C', text('Spreread_1', '')), messageOf('S', Buffer.alloc(0))]),
    );
    const { bytes } = statements.prepare(batchOf('SELECT 1'));
    expect(Buffer.from(bytes)).toEqual(
      Buffer.concat([parse('preread_2', 'SELECT 1'), bind('', 'preread_2'), REST]),
    );
  });
});

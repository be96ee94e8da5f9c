import { describe, expect, it } from 'vitest';

import { COMMAND_FIELDS, decodeCommand, encodeCommand, hasDataSet } from './command-set.js';
import { PduError } from './pdu.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** C-ECHO-RSP: group length 66, Verification, command field 8030, answers message 1, no data set, success. */
const ECHO_RESPONSE = hex(`
  0000 0000 04000000 42000000
  0000 0200 12000000 312e322e3834302e31303030382e312e3100
  0000 0001 02000000 3080
  0000 2001 02000000 0100
  0000 0008 02000000 0101
  0000 0009 02000000 0000
`);

describe('a command set', () => {
  const response = {
    AffectedSOPClassUID: '1.2.840.10008.1.1',
    CommandField: COMMAND_FIELDS.cEchoResponse,
    MessageIDBeingRespondedTo: 1,
    Status: 0,
  };

  it('is written in ascending order with its length', () => {
    expect(encodeCommand(response)).toEqual(ECHO_RESPONSE);
  });

  it('is read again, without what we do not know', () => {
    const unknown = hex('0000 2203 02000000 ffff');
    const read = decodeCommand(Buffer.concat([ECHO_RESPONSE, unknown]));
    expect(read).toEqual({ ...response, CommandDataSetType: 0x0101 });
    expect(hasDataSet(read)).toBe(false);
    expect(hasDataSet(decodeCommand(encodeCommand(response, true)))).toBe(true);
  });

  it('that is cut or no command set is refused', () => {
    for (let length = 1; length < ECHO_RESPONSE.length; length += 1) {
      try {
        decodeCommand(ECHO_RESPONSE.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(PduError);
      }
    }
    expect(() => decodeCommand(hex('0800 1600 02000000 3100'))).toThrow(PduError);
    expect(() => decodeCommand(hex('0000 0001 04000000 30000000'))).toThrow(PduError);
  });

  it('has a comment of 64 characters at most', () => {
    const comment = decodeCommand(encodeCommand({ ErrorComment: 'x'.repeat(80) })).ErrorComment;
    expect(comment).toHaveLength(64);
  });
});

import { describe, expect, it } from 'vitest';

import { parseAcknowledgment, isAccepted } from './acknowledgment.js';
import { components, escapeHl7, segment } from './segments.js';

describe('escapeHl7', () => {
  it('escapes every delimiter, and the escape character once', () => {
    expect(escapeHl7('a|b^c&d~e\\f')).toBe('a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f');
  });

  it('keeps line ends out of segments, and letters of any script as they are', () => {
    expect(escapeHl7('one\r\ntwo\u0007')).toBe('one\\.br\\two');
    expect(escapeHl7('Nguyễn 山田')).toBe('Nguyễn 山田');
  });
});

describe('segment', () => {
  it('ends with its last field that has a value', () => {
    expect(segment('PID', '1', undefined, components('a', '', ''), '')).toBe('PID|1||a');
  });
});

describe('parseAcknowledgment', () => {
  it.each([
    ['MSH|^~\\&|R|H|||2026||ACK|1|P|2.5.1\rMSA|AA|ID1\r', 'AA', true],
    ['MSH|^~\\&|R|H|||2026||ACK|1|P|2.5.1\rMSA|CA|ID1|ok\r', 'CA', true],
    ['MSH#^~\\&#R\nMSA#AE#ID1\n', 'AE', false],
    ['MSH|^~\\&|R\rERR||PID^1\rMSA|AR|ID1', 'AR', false],
  ])('reads %j', (message, code, accepted) => {
    const acknowledgment = parseAcknowledgment(message);
    expect(acknowledgment).toEqual({ code, messageControlId: 'ID1' });
    expect(isAccepted(acknowledgment!)).toBe(accepted);
  });

  it.each(['', 'hello', 'MSH|^~\\&|R\rPID|1'])('takes %j for none', (message) => {
    expect(parseAcknowledgment(message)).toBeUndefined();
  });
});

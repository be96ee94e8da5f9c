import { describe, expect, it } from 'vitest';

import { matchesKey } from './match-attributes.js';

const name = { vr: 'PN', Value: [{ Alphabetic: 'Nguyễn^Thị Ánh' }] };
const text = (vr: string, ...Value: string[]) => ({ vr, Value });

describe('matchesKey', () => {
  it.each([
    [name, 'PN', 'nguyễn*', true],
    [name, 'PN', 'NGUYỄN^THỊ ?nh'.normalize('NFD'), true],
    [name, 'PN', 'Tr*', false],
    [text('LO', 'A.17'), 'LO', 'A.1?', true],
    [text('LO', 'AB17'), 'LO', 'A.17', false],
    [text('LO', 'a'), 'LO', 'A', false],
    [text('LO', 'abcabd'), 'LO', '*abd', true],
    [text('LO', 'ab'), 'LO', 'ab**', true],
    [text('LO', 'ab'), 'LO', 'a', false],
    [text('UI', '1.2'), 'UI', '1.3,1.2', true],
    [text('UI', '1.2'), 'UI', '1.*', false],
    [text('DA', '20260115'), 'DA', '20260101-20260131', true],
    [text('DA', '20260115'), 'DA', '20260116-', false],
    [text('DA', '20260115'), 'DA', '-20260115', true],
    [text('DA', '20260115'), 'DA', '20260115', true],
    [text('CS', 'CR', 'DX'), 'CS', 'DX', true],
    [undefined, 'LO', '', true],
    [undefined, 'LO', 'x', false],
  ])('%j, %s, %s: %s', (attribute, vr, key, expected) => {
    expect(matchesKey(attribute, vr, key)).toBe(expected);
  });

  it('is not slow on hostile patterns', () => {
    expect(matchesKey(text('LO', 'a'.repeat(64)), 'LO', `${'*a'.repeat(40)}*b`)).toBe(false);
  });
});

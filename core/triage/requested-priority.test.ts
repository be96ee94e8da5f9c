import { describe, expect, it } from 'vitest';

import { parsePriority, priorityFromHeader } from './requested-priority.js';

describe('priorityFromHeader', () => {
  it.each([
    ['STAT', 'stat'],
    ['HIGH', 'urgent'],
    ['ROUTINE', 'routine'],
    ['MEDIUM', 'routine'],
    ['LOW', 'routine'],
    [' stat ', 'stat'],
  ])('reads %s as %s', (term, priority) => {
    expect(priorityFromHeader(term)).toBe(priority);
  });

  it.each([undefined, '', 'SOON', 'constructor'])('makes nothing of %s', (term) => {
    expect(priorityFromHeader(term)).toBeUndefined();
  });
});

describe('parsePriority', () => {
  it('takes the three words in any case and no other', () => {
    expect(['STAT', 'urgent', ' Routine'].map(parsePriority)).toEqual([
      'stat',
      'urgent',
      'routine',
    ]);
    expect(parsePriority('asap')).toBeUndefined();
  });
});

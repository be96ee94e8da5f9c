import { describe, expect, it } from 'vitest';

import { DELIVERY_MACHINE, INSTANCE_MACHINE, STATE_MACHINES } from './machines.js';
import type { StateMachine } from './state-machine.js';
import { ACTORS, mayMove, statesBefore } from './state-machine.js';

describe.each(Object.entries(STATE_MACHINES))('the states of a %s', (_name, typed) => {
  const machine = typed as StateMachine<string>;
  const states = Object.keys(machine.states);

  it('are all reached from nothing', () => {
    const reached = new Set(['nothing']);
    for (let before = -1; before !== reached.size;) {
      before = reached.size;
      for (const { from, to } of machine.transitions) {
        if (reached.has(from)) {
          reached.add(to);
        }
      }
    }
    expect([...reached].sort()).toEqual(['nothing', ...states].sort());
  });

  it('are moved between by known actors, each move named once', () => {
    for (const { from, to, by } of machine.transitions) {
      expect(['nothing', ...states]).toContain(from);
      expect(states).toContain(to);
      expect(ACTORS).toContain(by);
    }
    const moves = machine.transitions.map(({ from, to, by }) => `${from} ${to} ${by}`);
    expect(new Set(moves).size).toBe(moves.length);
  });
});

describe('a table of transitions', () => {
  it('says where a state is come to from', () => {
    expect(statesBefore(DELIVERY_MACHINE, 'delivered')).toEqual(['pending', 'superseded']);
    expect(statesBefore(DELIVERY_MACHINE, 'dead')).toEqual(['pending']);
    expect(statesBefore(INSTANCE_MACHINE, 'scored')).toEqual(['received', 'queued']);
  });

  it('forbids what it does not name', () => {
    expect(mayMove(DELIVERY_MACHINE, 'delivered', 'dead')).toBe(false);
    expect(mayMove(INSTANCE_MACHINE, 'scored', 'not-analysed')).toBe(false);
    expect(mayMove(DELIVERY_MACHINE, 'dead', 'pending')).toBe(true);
    expect(mayMove(DELIVERY_MACHINE, 'dead', 'dead')).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';

import { gatePolicySchema } from './gate-policy.js';
import { notChestAction, runOodGate } from './ood-gate.js';

const measured = (upper: number) => ({
  threshold: 1.5,
  falseRefusal: { images: 2000, refused: 4, share95: [0.0005, upper] as [number, number] },
});

describe('runOodGate', () => {
  const policy = gatePolicySchema.parse({});

  it('refuses above the threshold when the gate was measured to be right', () => {
    const manifest = { oodGate: measured(0.005) };
    expect(runOodGate(1.5, manifest, policy)).toEqual({ gate: 'not-chest', verdict: 'pass' });
    expect(runOodGate(1.6, manifest, policy)).toMatchObject({
      verdict: 'refuse',
      reason: 'not-chest',
    });
    expect(runOodGate(NaN, manifest, policy)).toMatchObject({ verdict: 'refuse' });
  });

  it('warns when it may refuse more than one chest in a hundred', () => {
    expect(runOodGate(9, { oodGate: measured(0.01) }, policy)).toMatchObject({ verdict: 'warn' });
  });

  it('says nothing without the output, without the gate, or where the site does not want it', () => {
    const manifest = { oodGate: measured(0.005) };
    expect(runOodGate(undefined, manifest, policy)).toBeUndefined();
    expect(runOodGate(9, { oodGate: undefined }, policy)).toBeUndefined();
    expect(runOodGate(9, manifest, { ...policy, notChest: 'off' })).toBeUndefined();
  });

  it.each(['refuse', 'warn', 'off'] as const)('does what the site says: %s', (notChest) => {
    expect(notChestAction(measured(0.005), { notChest })).toBe(notChest);
    expect(notChestAction(measured(0.5), { notChest })).toBe(notChest);
  });
});

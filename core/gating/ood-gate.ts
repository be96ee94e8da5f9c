import type { ModelManifest } from '../inference/model-manifest.js';
import { NOT_ANALYSED } from '../results/outcome.js';
import type { GatePolicy } from './gate-policy.js';
import type { GateResult } from './gate.js';

/** A gate that refuses more than this share of good chests does more harm than it prevents. */
const MAX_FALSE_REFUSAL = 0.01;

/**
 * Whether the model itself takes the image for one of its kind, by its output `ood` (log-odds that it is
 * not). Undefined when the model has no such output or the site does not want it.
 *
 * A value that is not a number is refused or warned of like one above the threshold.
 */
export function runOodGate(
  ood: number | undefined,
  { oodGate }: Pick<ModelManifest, 'oodGate'>,
  policy: GatePolicy,
): GateResult | undefined {
  const action = notChestAction(oodGate, policy);
  if (ood === undefined || oodGate === undefined || action === 'off') {
    return undefined;
  }
  const gate = 'not-chest';
  if (ood <= oodGate.threshold) {
    return { gate, verdict: 'pass' };
  }
  return action === 'refuse'
    ? {
        gate,
        verdict: 'refuse',
        reason: 'not-chest',
        detail: `${NOT_ANALYSED['not-chest']} So the model judges by its pixels.`,
      }
    : {
        gate,
        verdict: 'warn',
        detail: 'The model takes the image for something else than a frontal chest radiograph.',
      };
}

/** What the policy means for a model: `auto` trusts a gate only as far as it was measured. */
export function notChestAction(
  oodGate: ModelManifest['oodGate'],
  { notChest }: Pick<GatePolicy, 'notChest'>,
): 'refuse' | 'warn' | 'off' {
  if (notChest !== 'auto') {
    return notChest;
  }
  const upper = oodGate?.falseRefusal.share95[1] ?? 1;
  return upper < MAX_FALSE_REFUSAL ? 'refuse' : 'warn';
}

import type { NotAnalysedReason } from '../results/outcome.js';

/**
 * What one gate said of one image. `refuse` ends the image with its reason, `warn` lets it pass and is
 * shown with the result. Gates run in order and the first refusal wins.
 */
export interface GateResult {
  readonly gate: string;
  readonly verdict: 'pass' | 'warn' | 'refuse';
  readonly reason?: NotAnalysedReason;
  /** One plain sentence without patient data. Present unless the gate passed. */
  readonly detail?: string;
}

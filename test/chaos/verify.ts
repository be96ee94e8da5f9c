import type { StudyResult } from '../../core/results/study-result.js';
import type { DeliveryState } from '../../core/storage/study-store.js';
import { eventually } from '../support/eventually.js';
import { fetchStudy } from '../support/study-api.js';
import type { Ledger } from './ledger.js';

export interface Verdict {
  readonly acknowledged: number;
  readonly scored: number;
  readonly notAnalysed: number;
  /** Results that were made, and how many of these were amended ones. */
  readonly versions: number;
  readonly amended: number;
  /** Messages that came a second time under the same idempotency key. */
  readonly duplicates: number;
  /** Promises that were broken, in words. Empty is what everything is about. */
  readonly violations: readonly string[];
}

/** A newer version takes the place of one that is still on its way. */
const ENDED: ReadonlySet<DeliveryState> = new Set(['delivered', 'superseded']);

/** Waits until everything that was acknowledged has its result and every result was delivered. */
export async function drain(url: string, ledger: Ledger, timeoutMs: number): Promise<void> {
  const open = new Set([...ledger.acknowledged.keys(), ...ledger.unacknowledged.keys()]);
  await eventually(
    async () => {
      for (const StudyInstanceUID of open) {
        const found = await fetchStudy(url, StudyInstanceUID);
        // A study of which nothing was acknowledged may be unknown, but not unfinished.
        const finished =
          found === undefined
            ? !ledger.acknowledged.has(StudyInstanceUID)
            : found.study.state === 'ready' &&
              found.deliveries.every(({ state }) => ENDED.has(state));
        if (finished) {
          open.delete(StudyInstanceUID);
        }
      }
      if (open.size > 0) {
        throw new Error(`${open.size} studies are not finished`);
      }
    },
    { timeoutMs, intervalMs: 1_000 },
  ).catch(() => undefined);
}

/** Holds what the pipeline says, and what the receiver got, against the ledger. */
export async function verify(url: string, ledger: Ledger): Promise<Verdict> {
  const violations: string[] = [];
  const counts = { acknowledged: 0, scored: 0, notAnalysed: 0, versions: 0, amended: 0 };
  let duplicates = 0;
  const studies = new Set([...ledger.acknowledged.keys(), ...ledger.unacknowledged.keys()]);
  for (const StudyInstanceUID of studies) {
    const complain = (what: string): void => {
      violations.push(`study ${StudyInstanceUID}: ${what}`);
    };
    const acknowledged = ledger.acknowledged.get(StudyInstanceUID) ?? new Set<string>();
    counts.acknowledged += acknowledged.size;
    const found = await fetchStudy(url, StudyInstanceUID);
    if (found?.result === undefined) {
      if (acknowledged.size > 0) {
        complain(`acknowledged and ${found === undefined ? 'lost' : 'without a result'}`);
      } else if (found !== undefined) {
        complain('nothing was acknowledged, and it hangs without a result');
      }
      continue;
    }
    const { study, result, deliveries } = found;
    if (study.state !== 'ready') {
      complain('its result does not cover everything');
    }
    for (const SOPInstanceUID of acknowledged) {
      const outcomes = result.instances.filter((one) => one.SOPInstanceUID === SOPInstanceUID);
      if (outcomes.length !== 1) {
        complain(`an acknowledged instance has ${outcomes.length} outcomes`);
      }
    }
    countOutcomes(result, counts);
    counts.versions += result.resultVersion;
    counts.amended += result.resultVersion - 1;
    const versions = ledger.delivered.get(StudyInstanceUID);
    for (let version = 1; version <= result.resultVersion; version += 1) {
      const ids = versions?.get(version) ?? new Map<string, number>();
      const superseded = deliveries.some(
        ({ resultVersion, state }) => resultVersion === version && state === 'superseded',
      );
      if (ids.size !== 1 && !(superseded && ids.size === 0)) {
        complain(`version ${version} came to the receiver under ${ids.size} keys`);
      }
      duplicates += [...ids.values()].reduce((sum, times) => sum + times - 1, 0);
    }
    if ((versions?.size ?? 0) > result.resultVersion) {
      complain('the receiver has a version that the pipeline does not know');
    }
    for (const { state, resultVersion } of deliveries) {
      if (!ENDED.has(state)) {
        complain(`the delivery of version ${resultVersion} is ${state}`);
      }
    }
  }
  return { ...counts, duplicates, violations };
}

function countOutcomes(result: StudyResult, counts: { scored: number; notAnalysed: number }): void {
  for (const { outcome } of result.instances) {
    if (outcome.kind === 'scored') {
      counts.scored += 1;
    } else {
      counts.notAnalysed += 1;
    }
  }
}

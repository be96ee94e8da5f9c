import type { StudyResult } from '../../core/results/study-result.js';

/** What the senders were told and what the receiver got: the truth that the pipeline is held against. */
export interface Ledger {
  /** Instances that were answered with success, by study. */
  readonly acknowledged: ReadonlyMap<string, ReadonlySet<string>>;
  /** Instances that were sent and never answered with success, by study. */
  readonly unacknowledged: ReadonlyMap<string, ReadonlySet<string>>;
  /** Messages that the receiver has processed, by study and version: how often each id came. */
  readonly delivered: ReadonlyMap<string, ReadonlyMap<number, ReadonlyMap<string, number>>>;
  sent(StudyInstanceUID: string, SOPInstanceUID: string): void;
  acknowledge(StudyInstanceUID: string, SOPInstanceUID: string): void;
  receive(id: string, result: StudyResult): void;
}

export function createLedger(): Ledger {
  const acknowledged = new Map<string, Set<string>>();
  const unacknowledged = new Map<string, Set<string>>();
  const delivered = new Map<string, Map<number, Map<string, number>>>();
  return {
    acknowledged,
    unacknowledged,
    delivered,
    sent(study, instance) {
      if (acknowledged.get(study)?.has(instance) !== true) {
        getOrMake(unacknowledged, study, () => new Set()).add(instance);
      }
    },
    acknowledge(study, instance) {
      getOrMake(acknowledged, study, () => new Set()).add(instance);
      unacknowledged.get(study)?.delete(instance);
    },
    receive(id, { StudyInstanceUID, resultVersion }) {
      const versions = getOrMake(
        delivered,
        StudyInstanceUID,
        () => new Map<number, Map<string, number>>(),
      );
      const ids = getOrMake(versions, resultVersion, () => new Map<string, number>());
      ids.set(id, (ids.get(id) ?? 0) + 1);
    },
  };
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}

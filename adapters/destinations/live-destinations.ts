import type { Destinations, SetDestination } from '../../core/delivery/destinations.js';
import type { Logger } from '../../core/log.js';
import type { DestinationStore, StoredDestination } from '../../core/storage/destination-store.js';
import type { Clock } from '../../core/time.js';

/** So old may be what a process knows: a change reaches all of them within this time. */
const FRESH_FOR_MS = 2_000;

interface Known {
  readonly revision: string;
  readonly set: SetDestination;
}

/**
 * The destinations of the configuration, and those of the API as the database has them. They are read when
 * they are asked for and what is known is older than two seconds: a process that does nothing asks nothing.
 *
 * @param deps.read of one that the API has set
 */
export function createDestinations(
  deps: {
    readonly store: Pick<DestinationStore, 'list'>;
    readonly read: (stored: StoredDestination) => SetDestination;
    readonly clock: Clock;
    readonly logger: Logger;
  },
  declared: readonly SetDestination[],
): Destinations {
  const declaredNames = new Set(declared.map(({ destination }) => destination.name));
  let known: ReadonlyMap<string, Known> = new Map();
  let all = declared;
  let readAtMs = -Infinity;
  let asked = 0;
  let answered = 0;
  let reading: Promise<readonly SetDestination[]> | undefined;

  function take(stored: StoredDestination): Known {
    const before = known.get(stored.name);
    const same = before?.revision === stored.revision;
    if (same && before.set.problem === undefined) {
      return before;
    }
    // A secret that was missing may be there by now.
    const set = deps.read(stored);
    if (same && before.set.problem === set.problem) {
      return before;
    }
    warnOf(set);
    return { revision: stored.revision, set };
  }

  function warnOf({ destination: { name }, problem }: SetDestination): void {
    if (declaredNames.has(name)) {
      deps.logger.warn(
        { destination: name },
        'the API has set a destination of a name that this process is configured with: its own holds',
      );
    } else if (problem !== undefined) {
      deps.logger.warn(
        { destination: name, reason: problem },
        'this process cannot send to a destination: its deliveries wait',
      );
    }
  }

  async function latest(): Promise<readonly SetDestination[]> {
    const atMs = deps.clock();
    const turn = (asked += 1);
    const stored = await deps.store.list();
    if (turn < answered) {
      // Somebody asked later and has the answer already.
      return all;
    }
    answered = turn;
    const now = new Map(stored.map((one) => [one.name, take(one)]));
    const changed =
      now.size !== known.size || [...now].some(([name, one]) => known.get(name) !== one);
    if (changed) {
      known = now;
      all = [
        ...declared,
        ...[...now].filter(([name]) => !declaredNames.has(name)).map(([, { set }]) => set),
      ];
    }
    readAtMs = atMs;
    return all;
  }

  return {
    declared,
    latest,
    async current() {
      // A clock that was set back must not make it hold for long.
      if (Math.abs(deps.clock() - readAtMs) < FRESH_FOR_MS) {
        return all;
      }
      reading ??= latest().finally(() => (reading = undefined));
      return reading;
    },
  };
}

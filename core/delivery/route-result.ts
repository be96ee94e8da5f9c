import type { StudyResult } from '../results/study-result.js';
import type { DeliveryRoute } from '../storage/study-store.js';
import type { Destination, ResultFilter } from './destination.js';
import { messageType } from './webhook-message.js';

/**
 * Where a result goes. A destination whose filter does not take an amended result is still told of it when
 * it was told of an earlier version: otherwise it would show what no longer holds.
 */
export function routeResult(
  destinations: readonly Destination[],
  result: StudyResult,
): DeliveryRoute[] {
  return destinations
    .filter(({ enabled }) => enabled)
    .flatMap((destination) => {
      const wanted = takes(destination, result);
      if (!wanted && result.amends === undefined) {
        return [];
      }
      const { name, order } = destination;
      return [{ destination: name, order, onlyIfToldBefore: !wanted }];
    });
}

/** The destinations that want to hear when a delivery to another one has failed for good. */
export function failureListeners(destinations: readonly Destination[], failed: string): string[] {
  return destinations
    .filter(
      (destination) =>
        destination.enabled &&
        destination.kind === 'webhook' &&
        destination.events.includes('delivery.failed') &&
        destination.name !== failed,
    )
    .map(({ name }) => name);
}

function takes(destination: Destination, result: StudyResult): boolean {
  return (
    passes(destination.results, result, destination.kind === 'webhook' ? 'all' : 'analysed') &&
    (destination.kind !== 'webhook' || destination.events.includes(messageType(result)))
  );
}

function passes(
  filter: ResultFilter,
  result: StudyResult,
  byDefault: NonNullable<ResultFilter['which']>,
): boolean {
  const { flagged, priority, flaggedFindings } = result.triage;
  const which = filter.which ?? byDefault;
  return (
    (which === 'all' || result.analysed) &&
    (which !== 'flagged' || flagged) &&
    (filter.priorities === undefined || filter.priorities.includes(priority)) &&
    (filter.findings === undefined ||
      filter.findings.some((finding) => flaggedFindings.includes(finding))) &&
    (filter.sites === undefined ||
      result.instances.some(
        ({ outcome: { site } }) => site !== undefined && filter.sites?.includes(site),
      ))
  );
}

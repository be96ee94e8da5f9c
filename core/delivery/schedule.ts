/**
 * Delays between the attempts of a delivery: the schedule that Standard Webhooks recommends. About four
 * days in all, then the delivery waits for a person.
 */
export const DEFAULT_DELAYS_MS: readonly number[] = [
  5_000,
  5 * 60_000,
  30 * 60_000,
  2 * 3_600_000,
  5 * 3_600_000,
  10 * 3_600_000,
  14 * 3_600_000,
  20 * 3_600_000,
  24 * 3_600_000,
];

/**
 * Delay before the next attempt, with up to 20 % jitter on top; undefined when none is left.
 *
 * @param attempts how many were made, at least 1
 * @param random uniform in [0, 1)
 * @param delaysMs the destination's schedule
 * @param retryAfterMs what the receiver asked for, at most a day of it is honoured
 */
export function deliveryDelayMs(
  attempts: number,
  random: number,
  delaysMs: readonly number[] = DEFAULT_DELAYS_MS,
  retryAfterMs = 0,
): number | undefined {
  const scheduled = delaysMs[attempts - 1];
  if (scheduled === undefined) {
    return undefined;
  }
  const asked = Math.min(retryAfterMs, 24 * 3_600_000);
  return Math.round(Math.max(scheduled, asked) * (1 + random * 0.2));
}

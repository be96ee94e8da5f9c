/** The clock port: milliseconds since the Unix epoch. */
export type Clock = () => number;

/** An instant as the ISO 8601 text that every output of ours uses (UTC, milliseconds). */
export function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

export function isoTimeIfKnown(epochMs: number | undefined): string | undefined {
  return epochMs === undefined ? undefined : isoTime(epochMs);
}

/**
 * What a caller of the HTTP interface may do.
 *
 * - `ingest`: store objects.
 * - `read`: studies, results, images and their deliveries.
 * - `review`: record what a reader thinks of a result.
 * - `admin`: keys, queues, repetitions; and all of the above.
 */
export const SCOPES = ['ingest', 'read', 'review', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export function allows(granted: ReadonlySet<Scope>, needed: Scope): boolean {
  return granted.has(needed) || granted.has('admin');
}

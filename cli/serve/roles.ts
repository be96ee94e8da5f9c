import { PipelineError } from '../../core/errors.js';

/** What a `preread serve` process does; all of it unless told otherwise. */
export const ROLES = ['ingest', 'inference', 'assemble', 'delivery'] as const;
export type Role = (typeof ROLES)[number];

/**
 * @param names `--role` values, each a role or several separated by commas
 * @throws PipelineError `config-invalid`
 */
export function parseRoles(names: readonly string[]): ReadonlySet<Role> {
  const wanted = names.flatMap((name) => name.split(',')).map((name) => name.trim());
  const unknown = wanted.filter((name) => !ROLES.some((role) => role === name));
  if (unknown.length > 0) {
    throw new PipelineError(
      'config-invalid',
      `There is no role "${unknown.join('", "')}": choose from ${ROLES.join(', ')}.`,
    );
  }
  return new Set(wanted.length === 0 ? ROLES : ROLES.filter((role) => wanted.includes(role)));
}

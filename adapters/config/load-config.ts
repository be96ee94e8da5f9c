import { z } from 'zod';

import { PipelineError } from '../../core/errors.js';

/**
 * The environment, parsed by a schema whose keys are variable names. Empty variables count as absent, as
 * compose files and shells produce them. All problems are reported at once.
 *
 * @throws PipelineError `config-invalid`
 */
export function loadConfig<S extends z.ZodType>(
  schema: S,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<z.output<S>> {
  const present = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = schema.safeParse(present);
  if (!parsed.success) {
    throw new PipelineError('config-invalid', z.prettifyError(parsed.error));
  }
  return Object.freeze(parsed.data as object) as Readonly<z.output<S>>;
}

/** A whole number in an environment variable. */
export function intVariable(bounds: { min: number; max: number }) {
  return z.coerce.number().int().min(bounds.min).max(bounds.max);
}

/** Networks as 10.1.0.0/16 in an environment variable, separated by spaces or commas. */
export function networksVariable() {
  return z
    .string()
    .transform((text) => text.split(/[\s,]+/).filter((network) => network !== ''))
    .pipe(z.array(z.union([z.cidrv4(), z.cidrv6()])))
    .default([]);
}

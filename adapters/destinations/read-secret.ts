import { readFileSync } from 'node:fs';

import { z } from 'zod';

type Env = Readonly<Record<string, string | undefined>>;

const REFERENCE = /^(?<kind>env|file):(?<place>.+)$/;

/** A reference to a secret, and the secret in its place: `env:NAME` or `file:PATH` (its trimmed text). */
export function secretSchema(env: Env): z.ZodType<string> {
  return z.string().transform((reference, context) => {
    const { kind, place } = REFERENCE.exec(reference)?.groups ?? {};
    const fail = (message: string) => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    if (kind === undefined || place === undefined) {
      return fail('a secret is given by reference, as env:NAME or file:PATH, never itself');
    }
    if (kind === 'env') {
      const secret = env[place];
      return secret === undefined || secret === ''
        ? fail(`the environment variable ${place} is not set`)
        : secret;
    }
    try {
      const secret = readFileSync(place, 'utf8').trim();
      return secret === '' ? fail(`the file ${place} is empty`) : secret;
    } catch {
      return fail(`the file ${place} cannot be read`);
    }
  });
}

/** For processes that route results and send none: the references are checked and left alone. */
export const unreadSecretSchema: z.ZodType<string> = z
  .string()
  .regex(REFERENCE, 'a secret is given by reference, as env:NAME or file:PATH, never itself');

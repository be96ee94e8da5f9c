import { readFileSync } from 'node:fs';

import { z } from 'zod';

type Env = Readonly<Record<string, string | undefined>>;

/** A place that a secret is at: an environment variable's name or a file's path. */
export interface SecretPlace {
  readonly kind: 'env' | 'file';
  readonly place: string;
}

/** Why a reference to a place is not taken; undefined when it is. */
export type RefusePlace = (place: SecretPlace) => string | undefined;

const REFERENCE = /^(?<kind>env|file):(?<place>.+)$/;

/** A reference to a secret, and the secret in its place: `env:NAME` or `file:PATH` (its trimmed text). */
export function secretSchema(env: Env, refuse?: RefusePlace): z.ZodType<string> {
  return referenceSchema(refuse).transform((reference, context) => {
    const fail = (message: string) => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    const { kind, place } = parseReference(reference) ?? {};
    if (place === undefined) {
      return fail('not a reference');
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
export function referenceSchema(refuse: RefusePlace = () => undefined): z.ZodType<string> {
  return z.string().superRefine((reference, context) => {
    const place = parseReference(reference);
    const message =
      place === undefined
        ? 'a secret is given by reference, as env:NAME or file:PATH, never itself'
        : refuse(place);
    if (message !== undefined) {
      context.addIssue({ code: 'custom', message });
    }
  });
}

function parseReference(reference: string): SecretPlace | undefined {
  const { kind, place } = REFERENCE.exec(reference)?.groups ?? {};
  return place === undefined ? undefined : { kind: kind === 'env' ? 'env' : 'file', place };
}

import { createHash, timingSafeEqual } from 'node:crypto';

import type { Scope } from './scopes.js';

/** 256 bits: nobody guesses that, so a plain SHA-256 protects it at rest as well as a slow hash would. */
export const KEY_SECRET_BYTES = 32;
/** For telling keys apart; not secret. */
export const KEY_ID_BYTES = 8;

const KEY_PATTERN = /^prk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

/** A key as its owner sends it: `prk_<keyId>_<secret>`. The part before the secret may be shown. */
export interface ApiKeyText {
  readonly keyId: string;
  readonly secret: string;
}

/** A key as it is stored. */
export interface ApiKey {
  readonly keyId: string;
  /** Given by who made it, for people. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Lower-case hexadecimal SHA-256 of the secret. */
  readonly secretSha256: string;
  readonly createdAtMs: number;
  /** To the minute. */
  readonly lastUsedAtMs: number | undefined;
  readonly revokedAtMs: number | undefined;
}

/** @param random bytes from a cryptographic source */
export function makeApiKey(random: (bytes: number) => Buffer): ApiKeyText {
  return {
    keyId: random(KEY_ID_BYTES).toString('hex'),
    secret: random(KEY_SECRET_BYTES).toString('base64url'),
  };
}

export function formatApiKey({ keyId, secret }: ApiKeyText): string {
  return `prk_${keyId}_${secret}`;
}

/** Undefined for anything that is not shaped like a key. */
export function parseApiKey(text: string): ApiKeyText | undefined {
  const [, keyId, secret] = KEY_PATTERN.exec(text) ?? [];
  return keyId === undefined || secret === undefined ? undefined : { keyId, secret };
}

export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex');
}

/** In a time that tells nothing of where the two differ. */
export function secretMatches(secret: string, secretSha256: string): boolean {
  const expected = Buffer.from(secretSha256, 'hex');
  const actual = Buffer.from(hashSecret(secret), 'hex');
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

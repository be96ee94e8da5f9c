import { randomBytes } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { formatApiKey, hashSecret, makeApiKey, parseApiKey, secretMatches } from './api-key.js';
import { allows } from './scopes.js';

describe('an API key', () => {
  it('comes back from its text, with its id in front of the secret', () => {
    const key = makeApiKey(randomBytes);
    const text = formatApiKey(key);
    expect(text).toMatch(/^prk_[0-9a-f]{16}_/);
    expect(parseApiKey(text)).toEqual(key);
  });

  it('is not read from anything else', () => {
    const text = formatApiKey(makeApiKey(randomBytes));
    for (const wrong of ['', text.slice(1), text.slice(0, -1), `${text}A`, ` ${text}`]) {
      expect(parseApiKey(wrong)).toBeUndefined();
    }
  });

  it('matches its own hash alone', () => {
    const { secret } = makeApiKey(randomBytes);
    const other = makeApiKey(randomBytes).secret;
    expect(secretMatches(secret, hashSecret(secret))).toBe(true);
    expect(secretMatches(other, hashSecret(secret))).toBe(false);
    expect(secretMatches(secret, '')).toBe(false);
  });

  it('of an administrator may everything, any other what it is for', () => {
    expect(allows(new Set(['admin']), 'ingest')).toBe(true);
    expect(allows(new Set(['ingest']), 'ingest')).toBe(true);
    expect(allows(new Set(['ingest', 'read']), 'admin')).toBe(false);
  });
});

import { z } from 'zod';

import { isoTime, isoTimeIfKnown } from '../time.js';
import type { ApiKey } from './api-key.js';
import { formatApiKey, hashSecret, makeApiKey } from './api-key.js';
import type { KeyStore } from './key-store.js';
import { SCOPES } from './scopes.js';

const time = z.iso.datetime();

export const newKeySchema = z.strictObject({
  name: z.string().trim().min(1).max(100).describe('What the key is for. No patient data.'),
  scopes: z.array(z.enum(SCOPES)).min(1),
});

export const keySchema = z
  .object({
    keyId: z.string().describe('The key begins with `prk_` and this.'),
    name: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    createdAt: time,
    lastUsedAt: time.optional().describe('To the minute.'),
    revokedAt: time.optional(),
  })
  .meta({ id: 'ApiKey' });

export const keyListSchema = z.object({ keys: z.array(keySchema) }).meta({ id: 'ApiKeyList' });

export const createdKeySchema = keySchema
  .extend({ key: z.string().describe('The whole key. It is shown this once and not kept.') })
  .meta({ id: 'CreatedApiKey' });

/** A key as it is told to an administrator. */
export function describeKey(key: ApiKey): z.infer<typeof keySchema> {
  return {
    keyId: key.keyId,
    name: key.name,
    scopes: [...key.scopes],
    createdAt: isoTime(key.createdAtMs),
    lastUsedAt: isoTimeIfKnown(key.lastUsedAtMs),
    revokedAt: isoTimeIfKnown(key.revokedAtMs),
  };
}

/** Makes a key and keeps its hash. */
export async function createKey(
  keys: Pick<KeyStore, 'add'>,
  { name, scopes }: z.infer<typeof newKeySchema>,
  random: (bytes: number) => Buffer,
): Promise<z.infer<typeof createdKeySchema>> {
  const text = makeApiKey(random);
  const secretSha256 = hashSecret(text.secret);
  const key = await keys.add({ keyId: text.keyId, name, scopes: new Set(scopes), secretSha256 });
  return { ...describeKey(key), key: formatApiKey(text) };
}

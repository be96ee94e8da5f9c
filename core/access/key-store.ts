import type { ApiKey } from './api-key.js';

/** Where keys are kept. Every method throws `database-unavailable` when the database does not answer. */
export interface KeyStore {
  add(key: Pick<ApiKey, 'keyId' | 'name' | 'scopes' | 'secretSha256'>): Promise<ApiKey>;
  find(keyId: string): Promise<ApiKey | undefined>;
  /** Newest first, the revoked ones too. */
  list(): Promise<readonly ApiKey[]>;
  /** False when there is no such key. A revoked key stays revoked at its first time. */
  revoke(keyId: string): Promise<boolean>;
  /** Notes that the key was used, at most once a minute. */
  touch(keyId: string): Promise<void>;
  /** How many keys are not revoked. */
  countActive(): Promise<number>;
}

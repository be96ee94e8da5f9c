import type { Selectable } from 'kysely';
import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';

import type { ApiKey } from '../../core/access/api-key.js';
import type { KeyStore } from '../../core/access/key-store.js';
import { SCOPES } from '../../core/access/scopes.js';
import type { Clock } from '../../core/time.js';
import { querying } from './database-error.js';
import type { ApiKeysTable, DatabaseSchema } from './schema.js';

const TOUCH_INTERVAL_MS = 60_000;

/** The key store on a database that `openDatabase` has opened, whose owner closes it. */
export function createKeyStore(deps: { readonly pool: pg.Pool; readonly clock: Clock }): KeyStore {
  const db = new Kysely<DatabaseSchema>({ dialect: new PostgresDialect({ pool: deps.pool }) });
  const now = (): Date => new Date(deps.clock());
  return {
    add: (key) =>
      querying(async () => {
        const row = await db
          .insertInto('api_keys')
          .values({
            key_id: key.keyId,
            name: key.name,
            scopes: [...key.scopes].join(' '),
            secret_sha256: key.secretSha256,
            created_at: now(),
          })
          .returningAll()
          .executeTakeFirstOrThrow();
        return toApiKey(row);
      }),
    find: (keyId) =>
      querying(async () => {
        const row = await db
          .selectFrom('api_keys')
          .selectAll()
          .where('key_id', '=', keyId)
          .executeTakeFirst();
        return row && toApiKey(row);
      }),
    list: () =>
      querying(async () => {
        const rows = await db
          .selectFrom('api_keys')
          .selectAll()
          .orderBy('created_at', 'desc')
          .orderBy('key_id')
          .execute();
        return rows.map(toApiKey);
      }),
    revoke: (keyId) =>
      querying(async () => {
        const row = await db
          .updateTable('api_keys')
          .set((eb) => ({ revoked_at: eb.fn.coalesce('revoked_at', eb.val(now())) }))
          .where('key_id', '=', keyId)
          .returning('key_id')
          .executeTakeFirst();
        return row !== undefined;
      }),
    touch: (keyId) =>
      querying(async () => {
        const at = now();
        await db
          .updateTable('api_keys')
          .set({ last_used_at: at })
          .where('key_id', '=', keyId)
          .where((eb) =>
            eb.or([
              eb('last_used_at', 'is', null),
              eb('last_used_at', '<', new Date(at.getTime() - TOUCH_INTERVAL_MS)),
            ]),
          )
          .execute();
      }),
    countActive: () =>
      querying(async () => {
        const { count } = await db
          .selectFrom('api_keys')
          .select((eb) => eb.fn.countAll<string>().as('count'))
          .where('revoked_at', 'is', null)
          .executeTakeFirstOrThrow();
        return Number(count);
      }),
  };
}

function toApiKey(row: Selectable<ApiKeysTable>): ApiKey {
  const words = new Set(row.scopes.split(' '));
  return {
    keyId: row.key_id,
    name: row.name,
    scopes: new Set(SCOPES.filter((scope) => words.has(scope))),
    secretSha256: row.secret_sha256,
    createdAtMs: row.created_at.getTime(),
    lastUsedAtMs: row.last_used_at?.getTime(),
    revokedAtMs: row.revoked_at?.getTime(),
  };
}

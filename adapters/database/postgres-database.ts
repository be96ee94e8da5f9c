import type { Logger } from '../../core/log.js';
import { createPool } from './create-pool.js';
import type { Database } from './database.js';
import { SEARCH_PATH } from './database.js';

export interface PostgresOptions {
  readonly url: string;
  readonly poolSize: number;
}

/** So long may a connection take, the wait for a free one included. */
const CONNECT_TIMEOUT_MS = 5_000;
/** No statement of ours takes a tenth of this; one that does waits for a lock of a broken client. */
const STATEMENT_TIMEOUT_MS = 30_000;

/** Connects when first used, and again after a loss. */
export function openPostgresDatabase(
  deps: { readonly logger: Logger },
  options: PostgresOptions,
): Database {
  const config = {
    connectionString: options.url,
    max: options.poolSize,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // A connection that waits for notifications must notice that its server has gone.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    // The server's limit does not help when the server itself does not answer.
    query_timeout: STATEMENT_TIMEOUT_MS + 5_000,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'preread',
    options: `-c search_path=${SEARCH_PATH}`,
  };
  const pool = createPool(config, (error) => {
    const sqlState = 'code' in error ? error.code : undefined;
    deps.logger.warn({ sqlState }, 'database connection lost');
  });
  let ended: Promise<void> | undefined;
  return { pool, queuePool: pool, close: () => (ended ??= pool.end()) };
}

import type { Logger } from '../../core/log.js';
import type { Clock } from '../../core/time.js';
import type { Database } from './database.js';
import { openEmbeddedDatabase } from './embedded-database.js';
import { migrate } from './migrate.js';
import { openPostgresDatabase } from './postgres-database.js';

export type DatabaseOptions =
  | { readonly kind: 'postgres'; readonly url: string; readonly poolSize: number }
  /** The data folder then belongs to this process. */
  | { readonly kind: 'embedded'; readonly dataFolder: string };

/**
 * Opens the database and brings its tables up to date.
 *
 * @throws PipelineError `database-unavailable`, `data-folder-locked`, `storage-unavailable`
 */
export async function openDatabase(
  deps: { readonly logger: Logger; readonly clock: Clock },
  options: DatabaseOptions,
): Promise<Database> {
  const database =
    options.kind === 'postgres'
      ? openPostgresDatabase(deps, options)
      : await openEmbeddedDatabase(deps, options);
  try {
    await migrate(database.pool);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

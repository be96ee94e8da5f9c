import pg from 'pg';

import { PipelineError } from '../../core/errors.js';

/**
 * SQLSTATE classes and codes that say "try again later": lost connections (08), deadlocks and the like
 * (40), no resources or disk (53), interventions and shutdowns (57), trouble of its system (58).
 * Source: PostgreSQL documentation, appendix A.
 */
const TRANSIENT = /^(08|40|53|57|58)/;
/** disk_full, of the embedded database as well as of a server. */
const DISK_FULL = '53100';
const NO_ROOM = 'The database has no room left on its disk: free some.';

/** Runs a database operation; what it throws comes out as a PipelineError. */
export async function querying<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw databaseError(error);
  }
}

/** Anything that the driver or the pool throws. */
export function databaseError(error: unknown): PipelineError {
  if (error instanceof PipelineError) {
    return error;
  }
  if (error instanceof pg.DatabaseError) {
    const sqlState = error.code ?? '';
    // Message and detail of a database error quote values: patients' UIDs. They are left behind.
    const context = { sqlState, constraint: error.constraint ?? '', table: error.table ?? '' };
    const details = { cause: withoutValues(error), context };
    if (sqlState === DISK_FULL) {
      return new PipelineError('storage-full', NO_ROOM, details);
    }
    const code = TRANSIENT.test(sqlState) ? 'database-unavailable' : 'internal';
    return new PipelineError(code, undefined, details);
  }
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) {
    return new PipelineError('internal', undefined, { cause: error });
  }
  // Everything else comes from the network or the pool: refused, reset, timed out, closed.
  return new PipelineError('database-unavailable', undefined, { cause: error });
}

function withoutValues(error: pg.DatabaseError): Error {
  const stripped = new Error(`SQLSTATE ${error.code ?? 'unknown'}`);
  stripped.name = 'DatabaseError';
  return stripped;
}

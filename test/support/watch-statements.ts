import type pg from 'pg';

/** The statements of a pool from now on; who asks for them again begins anew. */
export function watchStatements(pool: pg.Pool): () => string[] {
  const statements: string[] = [];
  const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
  Object.assign(pool, {
    query: (...args: unknown[]) => {
      statements.push(String(args[0]));
      return query(...args);
    },
  });
  return () => statements.splice(0);
}

/** How many of the statements call a function of the database. */
export function callsOf(statements: readonly string[], name: string): number {
  return statements.filter((statement) => new RegExp(`\\b${name}\\(`).test(statement)).length;
}

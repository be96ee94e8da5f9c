import { z } from 'zod';

/** The database's settings. */
export const databaseConfig = z.object({
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .describe(
      'PostgreSQL 14 or newer, as postgres://user:password@host:port/database. Without it an embedded ' +
        'database is kept in PREREAD_DATA_DIR, which then belongs to one process.',
    ),
  DATABASE_POOL_SIZE: z.coerce
    .number()
    .int()
    .min(5)
    .max(100)
    .default(10)
    .describe('Connections to PostgreSQL that one process opens at most.'),
});

export type DatabaseConfig = z.infer<typeof databaseConfig>;

import { z } from 'zod';

/** The job queue's settings. */
export const queueConfig = z.object({
  REDIS_URL: z
    .url({ protocol: /^rediss?$/ })
    .optional()
    .describe(
      'Redis 6.2 or newer for the job queue, as redis://user:password@host:port/number. It must persist ' +
        '(appendonly yes) and never evict (maxmemory-policy noeviction). Without it the database carries the queue.',
    ),
  QUEUE_PREFIX: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .default('preread')
    .describe(
      'Start of the queue names: installations that share a Redis or database need different ones.',
    ),
});

export type QueueConfig = z.infer<typeof queueConfig>;

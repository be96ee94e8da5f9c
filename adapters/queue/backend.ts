import type pg from 'pg';

import type { JobTracing } from './job-tracing.js';
import { createPostgresQueueBackend } from './postgres-backend.js';
import type { QueueBackend } from './queue-backend.js';
import { createRedisQueueBackend } from './redis-backend.js';

/** What the queue is kept in. */
export type QueueBackendOptions =
  | { readonly kind: 'redis'; readonly url: string; readonly tracing?: JobTracing | undefined }
  /** PostgreSQL or the embedded database. The pool stays its owner's. */
  | { readonly kind: 'postgres'; readonly pool: pg.Pool };

export function createQueueBackend(options: QueueBackendOptions): QueueBackend {
  return options.kind === 'redis'
    ? createRedisQueueBackend(options.url, options.tracing?.telemetry)
    : createPostgresQueueBackend(options.pool);
}

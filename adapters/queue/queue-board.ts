import type { RequestListener } from 'node:http';

import type { Queue } from 'bullmq';

import type { BullQueue } from './queue-backend.js';

/** An Express application to be mounted, which Express takes for a handler. */
export type QueueBoard = RequestListener;

/**
 * bull-board over our queues, to look at and not to touch: what failed is done again by `preread dead-letters
 * replay`, which the database knows of. Loaded when the first one looks, so that nobody else pays.
 *
 * @param basePath where it is mounted
 */
export async function openQueueBoard(
  queues: readonly BullQueue[],
  basePath: string,
): Promise<QueueBoard> {
  const [{ createBullBoard }, { BullMQAdapter }, { ExpressAdapter }] = await Promise.all([
    import('@bull-board/api'),
    import('@bull-board/api/bullMQAdapter'),
    import('@bull-board/express'),
  ]);
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath(basePath);
  createBullBoard({
    // Its types know a queue on Redis alone; it asks each queue which backend it has.
    queues: (queues as unknown as readonly Queue[]).map(
      (queue) => new BullMQAdapter(queue, { readOnlyMode: true }),
    ),
    serverAdapter,
    options: { uiConfig: { boardTitle: 'preread queues', hideRedisDetails: true } },
  });
  return serverAdapter.getRouter() as QueueBoard;
}

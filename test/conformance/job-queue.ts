import { describe } from 'vitest';

import { useQueueSuite, type QueueBed } from '../support/queue-suite.js';
import { describeQueueTrouble } from './job-queue-trouble.js';
import { describeQueuedWork } from './job-queue-work.js';

/** What every job queue must do. `open` gives its surroundings for the whole suite. */
export function describeJobQueue(name: string, open: () => Promise<QueueBed>): void {
  describe(`job queue: ${name}`, () => {
    const suite = useQueueSuite(open);
    describeQueuedWork(suite);
    describeQueueTrouble(suite);
  });
}

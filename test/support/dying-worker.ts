/**
 * Run as a process of its own: puts a job into a queue, takes it, says so, and never finishes it.
 * Arguments: place (JSON), queue prefix, instance id.
 */
import type { QueuePlace } from './queue-bed.js';
import { openQueueAt } from './queue-bed.js';

const [place, prefix, instanceId] = process.argv.slice(2) as [string, string, string];
const { queue } = await openQueueAt(JSON.parse(place) as QueuePlace, prefix);
await queue.enqueue([{ id: instanceId, name: 'infer', payload: { instanceId }, priorityRank: 1 }]);
await queue.work(
  'infer',
  () =>
    new Promise<void>(() => {
      console.log('taken');
    }),
  { concurrency: 1 },
);

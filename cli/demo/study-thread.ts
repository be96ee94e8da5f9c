/**
 * The thread that computes the demo's studies: each takes about a second, and the pipeline runs in the thread that
 * waits for them.
 */
import { parentPort, workerData } from 'node:worker_threads';

import { demoStudies } from '../../scripts/phantom/demo-studies.js';
import type { StudyThreadData } from './computed-studies.js';

const port = parentPort;
if (port === null) {
  throw new Error('this module is the entry of a worker thread');
}
for await (const study of demoStudies(workerData as StudyThreadData)) {
  port.postMessage(study);
}
port.close();

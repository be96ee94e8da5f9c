/**
 * A process that starts a pool of two children, tells their pids, hands over one image and waits: to
 * be killed by a test. Arguments: entry of the children, image.
 */
import { createClassifierPool } from '../../adapters/inference/classifier-pool.js';
import { silentLogger } from '../../core/log.js';

const [entryPath = '', image = ''] = process.argv.slice(2);
const pool = await createClassifierPool(
  { logger: silentLogger },
  {
    entryPath,
    settings: {},
    processes: 2,
    imageTimeLimitMs: 600_000,
    startTimeLimitMs: 60_000,
    memoryLimitMb: 512,
  },
);
const classification = pool.classify({ path: image });
console.log(JSON.stringify(pool.processIds));
await classification;

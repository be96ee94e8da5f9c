import { Worker } from 'node:worker_threads';

const POLL_MS = 1_000;

/**
 * Ends a forked process when its parent is gone, whatever it is doing.
 *
 * The closed channel tells it at once when its event loop turns. A decoder that hangs in WebAssembly or
 * a read that blocks never lets it turn, and such a process would run on for ever: so a thread of its
 * own looks whether the process has been adopted by another one. (Windows does not re-parent; there
 * only the channel speaks.) SIGKILL, because a tidy exit would wait for the very call that hangs.
 */
export function exitWithParent(): void {
  process.on('disconnect', () => {
    process.kill(process.pid, 'SIGKILL');
  });
  const watch = new Worker(
    `const { workerData: parent } = require('node:worker_threads');
     setInterval(() => {
       if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
     }, ${POLL_MS});`,
    {
      eval: true,
      // Read here: by the time that the thread runs the parent may be gone.
      workerData: process.ppid,
      // A smaller heap than this one does not start. The thread takes 10 MB of RSS.
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 },
    },
  );
  watch.unref();
}

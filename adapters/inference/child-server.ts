import { exitWithParent } from '../process/exit-with-parent.js';
import { createAnswerOutbox } from './answer-outbox.js';
import { createBatchLoop, type BatchLoopDeps } from './batch-loop.js';
import {
  toWireError,
  type ChildInfo,
  type ImageTask,
  type MessageFromChild,
  type MessageToChild,
} from './child-messages.js';

/** What a child process does with images, once it has started. */
export type ChildClassifier<T> = ChildInfo &
  Pick<BatchLoopDeps<T>, 'batchDelayMs' | 'prepare' | 'infer'>;

/**
 * The child's side of the pool: starts a classifier with the pool's settings, then works through the
 * images. It lives exactly as long as the pool: signals that a terminal or a supervisor
 * sends to the whole process group are left to the parent, which lets the running image finish.
 */
export function serveClassifier<T>(
  start: (settings: unknown) => Promise<ChildClassifier<T>>,
): void {
  let take: ((images: readonly ImageTask[]) => void) | undefined;

  async function startClassifier(settings: unknown, together: boolean): Promise<void> {
    try {
      const classifier = await start(settings);
      const { engine, maxBatch, fallback } = classifier;
      const outbox = createAnswerOutbox({
        together,
        send: (answers) => {
          send({ type: 'answers', answers });
        },
        now: () => performance.now(),
      });
      const add = createBatchLoop({
        ...classifier,
        progressed: () => {
          // Answers that come one by one say it all.
          if (maxBatch > 1) {
            send({ type: 'progress' });
          }
        },
        answer: (id, classification) => {
          outbox.add({ id, classification });
        },
        fail: (id, error) => {
          outbox.add({ id, error: toWireError(error) });
        },
      });
      take = (images) => {
        outbox.arrived(images.length);
        images.forEach(add);
      };
      // Not before: until now the closed channel ends the process, and a start should not wait.
      exitWithParent();
      send({ type: 'ready', engine, maxBatch, fallback });
    } catch (error) {
      send({ type: 'failed', error: toWireError(error) });
    }
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => undefined);
  }
  process.on('message', (message: MessageToChild) => {
    if (message.type === 'start') {
      void startClassifier(message.settings, message.together);
    } else {
      // The pool gives nothing to a child that is not ready.
      take?.(message.images);
    }
  });
}

function send(message: MessageFromChild): void {
  // When the pool is gone there is nobody to tell, and the process is about to end.
  process.send?.(message, undefined, {}, () => undefined);
}

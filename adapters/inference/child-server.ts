import type { ImageClassification, ImageSource } from '../../core/inference/image-classifier.js';
import { exitWithParent } from '../process/exit-with-parent.js';
import {
  toWireError,
  type ChildInfo,
  type MessageFromChild,
  type MessageToChild,
} from './child-messages.js';

/** What a child process does with one image, once it has started. */
export interface ChildClassifier extends ChildInfo {
  classify(source: ImageSource, options: { readonly cams: boolean }): Promise<ImageClassification>;
}

/**
 * The child's side of the pool: starts a classifier with the pool's settings, then works through the
 * images one at a time. It lives exactly as long as the pool: signals that a terminal or a supervisor
 * sends to the whole process group are left to the parent, which lets the running image finish.
 */
export function serveClassifier(start: (settings: unknown) => Promise<ChildClassifier>): void {
  const waiting: Extract<MessageToChild, { type: 'classify' }>[] = [];
  let classifier: ChildClassifier | undefined;
  let busy = false;

  async function startClassifier(settings: unknown): Promise<void> {
    try {
      classifier = await start(settings);
      const { engine, fallback } = classifier;
      // Not before: until now the closed channel ends the process, and a start should not wait.
      exitWithParent();
      send({ type: 'ready', engine, fallback });
    } catch (error) {
      send({ type: 'failed', error: toWireError(error) });
    }
  }

  async function workOff(running: ChildClassifier): Promise<void> {
    busy = true;
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
      const { id, source, cams } = task;
      try {
        send({ type: 'done', id, classification: await running.classify(source, { cams }) });
      } catch (error) {
        send({ type: 'error', id, error: toWireError(error) });
      }
    }
    busy = false;
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => undefined);
  }
  process.on('message', (message: MessageToChild) => {
    if (message.type === 'start') {
      void startClassifier(message.settings);
      return;
    }
    waiting.push(message);
    if (classifier !== undefined && !busy) {
      void workOff(classifier);
    }
  });
}

function send(message: MessageFromChild): void {
  // When the pool is gone there is nobody to tell, and the process is about to end.
  process.send?.(message, undefined, {}, () => undefined);
}

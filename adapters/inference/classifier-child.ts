import { fork, type ChildProcess } from 'node:child_process';

import { PipelineError } from '../../core/errors.js';
import { HEAP_MAY_DOUBLE } from '../process/heap-growth.js';
import { childEnvironment } from './child-environment.js';
import {
  fromWireError,
  type Answer,
  type ChildInfo,
  type ImageTask,
  type MessageFromChild,
  type MessageToChild,
} from './child-messages.js';

/** Of one half of the young generation. What an image leaves behind is little and dies at once; a larger one only grows. */
const YOUNG_GENERATION = '--max-semi-space-size=2';
/** How long a child that was told to end may take before it is killed. */
const STOP_LIMIT_MS = 2_000;
/** Of what the child writes to stderr while it starts, how much an error quotes. */
const STDERR_LIMIT = 2_000;

export interface ChildOptions {
  /** Built JavaScript whose `serveClassifier` answers. */
  readonly entryPath: string;
  /** Handed to the child's `start`; anything that can be cloned. */
  readonly settings: unknown;
  /** Images go several in one message, where they come together, and so do their answers. */
  readonly answersTogether: boolean;
  readonly heapLimitMb: number;
}

export interface ChildEvents {
  ready(info: ChildInfo): void;
  /** It has begun with another image or batch. */
  progressed(): void;
  /** Never with no answer. */
  answered(answers: readonly Answer[]): void;
  /** The process has ended and everything it sent has been heard. Called once, always last. */
  gone(cause: PipelineError): void;
}

/** The parent's side of one child process. */
export interface Child {
  readonly pid: number | undefined;
  give(image: ImageTask): void;
  /** Ends it at once; `cause` is what `gone` will say. */
  kill(cause: PipelineError): void;
  /** Ends a child that is idle or not yet warm; resolves when it is gone. */
  stop(): Promise<void>;
}

export function startChild(options: ChildOptions, events: ChildEvents): Child {
  const { entryPath, settings, answersTogether, heapLimitMb } = options;
  const process_ = fork(entryPath, {
    serialization: 'advanced',
    // Only ours: the parent may run under a loader or a debugger.
    execArgv: [`--max-old-space-size=${heapLimitMb}`, HEAP_MAY_DOUBLE, YOUNG_GENERATION],
    env: childEnvironment(process.env),
    // A row of a CSV file may be on our stdout: nothing of a library may get there.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let cause: PipelineError | undefined;
  let started = false;
  const startupStderr = collectStderr(process_, () => started);
  const ended = whenEnded(process_).then(({ exitCode, signal, spawnError }) => {
    const context = { exitCode: exitCode ?? 'none', signal: signal ?? 'none' };
    const said = started ? '' : startupStderr();
    events.gone(
      cause ??
        new PipelineError(
          'inference-crashed',
          said === '' ? undefined : `The inference process did not start: ${said}`,
          { cause: spawnError, context },
        ),
    );
  });

  process_.on('message', (message: MessageFromChild) => {
    switch (message.type) {
      case 'ready':
        started = true;
        events.ready({
          engine: message.engine,
          maxBatch: message.maxBatch,
          fallback: message.fallback,
        });
        break;
      case 'progress':
        events.progressed();
        break;
      case 'failed':
        kill(fromWireError(message.error));
        break;
      case 'answers':
        events.answered(message.answers);
        break;
    }
  });

  function send(message: MessageToChild): void {
    // A closed channel is no news: `gone` tells.
    process_.send(message, undefined, {}, () => undefined);
  }

  function kill(reason: PipelineError): void {
    cause ??= reason;
    process_.kill('SIGKILL');
  }

  /** Those of this turn of the event loop, which go in one message. */
  let images: ImageTask[] = [];

  function give(image: ImageTask): void {
    if (!answersTogether) {
      send({ type: 'classify', images: [image] });
    } else if (images.push(image) === 1) {
      setImmediate(() => {
        const all = images;
        images = [];
        send({ type: 'classify', images: all });
      });
    }
  }

  send({ type: 'start', settings, together: answersTogether });

  return {
    pid: process_.pid,
    give,
    kill,
    async stop() {
      if (!started) {
        // It would load the model to the end before it saw that nobody is there.
        process_.kill('SIGKILL');
      } else if (process_.connected) {
        process_.disconnect();
      }
      const timer = setTimeout(() => process_.kill('SIGKILL'), STOP_LIMIT_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

interface Ending {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly spawnError?: Error;
}

/**
 * A child that was killed may have answered just before: its messages wait in the channel, and `exit`
 * overtakes them. Only when the channel is closed as well has everything been heard.
 */
function whenEnded(process_: ChildProcess): Promise<Ending> {
  const disconnected = new Promise<void>((resolve) => {
    process_.once('disconnect', resolve);
  });
  return new Promise((resolve) => {
    process_.once('error', (spawnError) => {
      if (process_.pid === undefined) {
        resolve({ exitCode: null, signal: null, spawnError });
      }
    });
    process_.once('exit', (exitCode, signal) => {
      void disconnected.then(() => {
        resolve({ exitCode, signal });
      });
    });
  });
}

/**
 * The first lines on stderr, while no image has been handed over yet: later ones might quote a path.
 * The pipe is always read, or a talkative child would block on it.
 */
function collectStderr(process_: ChildProcess, isOver: () => boolean): () => string {
  let text = '';
  process_.stderr?.on('data', (chunk: Buffer) => {
    if (!isOver() && text.length < STDERR_LIMIT) {
      text += chunk.toString('utf8');
    }
  });
  return () => text.slice(0, STDERR_LIMIT).trim();
}

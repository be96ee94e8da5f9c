import { PipelineError } from '../../core/errors.js';
import { fromWireError, type Answer, type ChildInfo } from './child-messages.js';
import { startChild, type Child } from './classifier-child.js';
import type { PoolTask } from './pool-task.js';
import { residentBytes } from './resident-memory.js';

const RESTART_DELAY_MS = 100;
const RESTART_DELAY_MAX_MS = 5_000;

export interface SlotOptions {
  /** Built JavaScript of the child process. */
  readonly entryPath: string;
  /** What the child's start gets; anything that can be cloned. */
  readonly settings: unknown;
  /** How long a child may take for one image, from the last sign of life before it. */
  readonly imageTimeLimitMs: number;
  /** How long a child may take to load, warm up and test the model. */
  readonly startTimeLimitMs: number;
  /** Resident memory from which a child is killed (Linux). Half of it may be JavaScript heap. */
  readonly memoryLimitMb: number;
  /**
   * What counts: `latency` (by default), each image's answer as soon as it is there; or `throughput`, where an answer may
   * come together with those of the next images, which costs less. All images of a child that dies are then done again, each
   * alone, also those that it had finished and not answered.
   */
  readonly purpose?: 'latency' | 'throughput';
}

export interface SlotEvents {
  /** A child is warm, or has answered. */
  freed(): void;
  /** The child has ended; the image that was the cause for certain has been told. */
  died(death: SlotDeath): void;
}

export interface SlotDeath {
  readonly cause: PipelineError;
  /** It ended before it was warm. */
  readonly whileStarting: boolean;
  /** Images that it held and that are to be done by another child. */
  readonly unfinished: readonly PoolTask[];
}

/** Images that a child of one at a time holds: the one it works on and the next, so that it never waits for us. */
const IMAGES_PER_CHILD = 2;
/** The same, where answers come together: half of them are answered while it does the other half. */
const IMAGES_FOR_THROUGHPUT = 16;

/** The place of one child, which outlives the children that die in it. */
export interface PoolSlot {
  /** Undefined while no warm child is there. */
  readonly info: ChildInfo | undefined;
  readonly pid: number | undefined;
  /** Images handed over and unanswered. */
  readonly load: number;
  /** Images that a warm child holds at most; 0 while none is warm. */
  readonly capacity: number;
  /** Whether it may be handed this image now. */
  hasRoomFor(task: PoolTask): boolean;
  give(task: PoolTask): void;
  /** Kills the child when it is over a limit. `stepMs` is the time since the last look. */
  watch(stepMs: number): void;
  /** Ends the child and puts no other in its place. */
  stop(): Promise<void>;
}

export function createPoolSlot(options: SlotOptions, events: SlotEvents): PoolSlot {
  let child: Child | undefined;
  let info: ChildInfo | undefined;
  /** By number, oldest first. Of a child that takes one at a time, the first one is being worked on. */
  let tasks = new Map<number, PoolTask>();
  /** Of the last image that was handed over. */
  let lastId = 0;
  /** Time since the last sign of life, or spent on starting; undefined until the watch has seen it begun. */
  let elapsedMs: number | undefined;
  let deathsInARow = 0;
  let restart: NodeJS.Timeout | undefined;
  let stopped = false;
  const answersTogether = options.purpose === 'throughput';
  const maxInFlight = answersTogether ? IMAGES_FOR_THROUGHPUT : IMAGES_PER_CHILD;
  /** Images that a child of one at a time holds now; few when they are slow, so that none waits for long. */
  let inFlightLimit = IMAGES_PER_CHILD;

  function launch(): void {
    elapsedMs = undefined;
    inFlightLimit = IMAGES_PER_CHILD;
    child = startChild(
      {
        entryPath: options.entryPath,
        settings: options.settings,
        answersTogether,
        heapLimitMb: Math.ceil(options.memoryLimitMb / 2),
      },
      {
        ready(found) {
          info = found;
          events.freed();
        },
        progressed() {
          elapsedMs = undefined;
        },
        answered(answers) {
          if (!answers.every(settle)) {
            // A score under the wrong image would be the worst of all failures.
            child?.kill(new PipelineError('internal', 'An answer came out of turn.'));
            return;
          }
          elapsedMs = undefined;
          deathsInARow = 0;
          adaptLimit(answers.length);
          events.freed();
        },
        gone: bury,
      },
    );
  }

  function adaptLimit(answered: number): void {
    // One more than would do, so that more can come at once the next time.
    const needed = 2 * answered + 1;
    // It has more left than it has done: it answers because time has passed, and needs no more at hand than come in that time.
    const isSlow = tasks.size > answered;
    inFlightLimit = isSlow
      ? Math.min(inFlightLimit, Math.max(needed, Math.ceil(inFlightLimit / 2)))
      : Math.min(Math.max(inFlightLimit, needed), maxInFlight);
  }

  /** False for an answer that cannot be. */
  function settle(answer: Answer): boolean {
    const task = tasks.get(answer.id);
    if (task === undefined || (oldestIsBegun() && answer.id !== lastId - tasks.size + 1)) {
      return false;
    }
    tasks.delete(answer.id);
    if ('classification' in answer) {
      task.resolve(answer.classification);
    } else {
      task.reject(fromWireError(answer.error));
    }
    return true;
  }

  function bury(cause: PipelineError): void {
    const whileStarting = info === undefined;
    const held = [...tasks.values()];
    const manyBegun = !oldestIsBegun() && held.length > 1;
    child = undefined;
    info = undefined;
    tasks = new Map();
    const unfinished = manyBegun ? held : held.slice(1);
    if (manyBegun) {
      // Any of them may be the cause: that one will die again, the others will not.
      for (const task of held) {
        task.alone = true;
      }
    } else {
      const [begun] = held;
      begun?.reject(begun.alone ? atSecondAttempt(cause) : cause);
    }
    if (!stopped) {
      restart = setTimeout(launch, restartDelayMs(deathsInARow));
      deathsInARow += 1;
    }
    events.died({ cause, whileStarting, unfinished });
  }

  /** Of the images that are unanswered, the oldest is the one that is being worked on. */
  function oldestIsBegun(): boolean {
    return !answersTogether && (info === undefined || info.maxBatch === 1);
  }

  function capacity(): number {
    if (info === undefined) {
      return 0;
    }
    // Of batches the one that is computed and the next.
    return info.maxBatch > 1 ? 2 * info.maxBatch : inFlightLimit;
  }

  function holdsAlone(): boolean {
    const [first] = tasks.values();
    return first?.alone === true;
  }

  function overLimit(): PipelineError | undefined {
    if (info === undefined && (elapsedMs ?? 0) > options.startTimeLimitMs) {
      return timeout('The inference process did not become ready', options.startTimeLimitMs);
    }
    if (tasks.size > 0 && (elapsedMs ?? 0) > options.imageTimeLimitMs) {
      return timeout('The image was not finished', options.imageTimeLimitMs);
    }
    const bytes = child?.pid === undefined ? undefined : residentBytes(child.pid);
    if (bytes !== undefined && bytes > options.memoryLimitMb * 2 ** 20) {
      return new PipelineError(
        'inference-crashed',
        `The inference process took more than ${options.memoryLimitMb} MB of memory.`,
      );
    }
    return undefined;
  }

  launch();

  return {
    get info() {
      return info;
    },
    get pid() {
      return child?.pid;
    },
    get load() {
      return tasks.size;
    },
    get capacity() {
      return capacity();
    },
    hasRoomFor(task) {
      return task.alone
        ? info !== undefined && tasks.size === 0
        : tasks.size < capacity() && !holdsAlone();
    },
    give(task) {
      if (tasks.size === 0) {
        elapsedMs = undefined;
      }
      lastId += 1;
      tasks.set(lastId, task);
      const { source, cams, urgent } = task;
      child?.give({ id: lastId, source, cams, urgent });
    },
    watch(stepMs) {
      // A task that began within the step is not charged for all of it: late rather than early.
      elapsedMs = elapsedMs === undefined ? 0 : elapsedMs + stepMs;
      const cause = overLimit();
      if (cause !== undefined) {
        child?.kill(cause);
      }
    },
    async stop() {
      stopped = true;
      clearTimeout(restart);
      await child?.stop();
    },
  };
}

/** Tells whoever asked that it has been tried twice: beside others, then alone. */
function atSecondAttempt({ code, message, cause, context }: PipelineError): PipelineError {
  return new PipelineError(code, message, { cause, context: { ...context, attempts: 2 } });
}

/** At once the first time: one bad image should not cost a second of the service. */
function restartDelayMs(deathsInARow: number): number {
  return deathsInARow === 0
    ? 0
    : Math.min(RESTART_DELAY_MAX_MS, RESTART_DELAY_MS * 2 ** (deathsInARow - 1));
}

function timeout(what: string, limitMs: number): PipelineError {
  return new PipelineError('inference-timeout', `${what} within ${limitMs / 1000} s.`);
}

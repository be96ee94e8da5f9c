import { PipelineError } from '../../core/errors.js';
import { fromWireError, type ChildInfo } from './child-messages.js';
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
  /** How long a child may take for one image, from the moment it begins with it. */
  readonly imageTimeLimitMs: number;
  /** How long a child may take to load, warm up and test the model. */
  readonly startTimeLimitMs: number;
  /** Resident memory from which a child is killed (Linux). Half of it may be JavaScript heap. */
  readonly memoryLimitMb: number;
}

export interface SlotEvents {
  /** A child is warm, or has answered. */
  freed(): void;
  /** The child has ended; its first image has been told. */
  died(death: SlotDeath): void;
}

export interface SlotDeath {
  readonly cause: PipelineError;
  /** It ended before it was warm. */
  readonly whileStarting: boolean;
  /** Images that it held and had not begun. */
  readonly unstarted: readonly PoolTask[];
}

/** The place of one child, which outlives the children that die in it. */
export interface PoolSlot {
  /** Undefined while no warm child is there. */
  readonly info: ChildInfo | undefined;
  readonly pid: number | undefined;
  /** Images handed over and unanswered. */
  readonly load: number;
  give(task: PoolTask): void;
  /** Kills the child when it is over a limit. `stepMs` is the time since the last look. */
  watch(stepMs: number): void;
  /** Ends the child and puts no other in its place. */
  stop(): Promise<void>;
}

export function createPoolSlot(options: SlotOptions, events: SlotEvents): PoolSlot {
  let child: Child | undefined;
  let info: ChildInfo | undefined;
  /** Oldest first: the first one is being worked on. */
  let tasks: PoolTask[] = [];
  /** Of the last image that was handed over. */
  let lastId = 0;
  /** Time spent on the first task, or on starting; undefined until the watch has seen it begun. */
  let elapsedMs: number | undefined;
  let deathsInARow = 0;
  let restart: NodeJS.Timeout | undefined;
  let stopped = false;

  function launch(): void {
    elapsedMs = undefined;
    child = startChild(
      {
        entryPath: options.entryPath,
        settings: options.settings,
        heapLimitMb: Math.ceil(options.memoryLimitMb / 2),
      },
      {
        ready(found) {
          info = found;
          events.freed();
        },
        answered(message) {
          if (message.id !== lastId - tasks.length + 1) {
            // A score under the wrong image would be the worst of all failures.
            child?.kill(new PipelineError('internal', 'An answer came out of turn.'));
            return;
          }
          const task = tasks.shift();
          elapsedMs = undefined;
          deathsInARow = 0;
          if (message.type === 'done') {
            task?.resolve(message.classification);
          } else {
            task?.reject(fromWireError(message.error));
          }
          events.freed();
        },
        gone: bury,
      },
    );
  }

  function bury(cause: PipelineError): void {
    const whileStarting = info === undefined;
    const [running, ...unstarted] = tasks;
    child = undefined;
    info = undefined;
    tasks = [];
    running?.reject(cause);
    if (!stopped) {
      restart = setTimeout(launch, restartDelayMs(deathsInARow));
      deathsInARow += 1;
    }
    events.died({ cause, whileStarting, unstarted });
  }

  function overLimit(): PipelineError | undefined {
    if (info === undefined && (elapsedMs ?? 0) > options.startTimeLimitMs) {
      return timeout('The inference process did not become ready', options.startTimeLimitMs);
    }
    if (tasks.length > 0 && (elapsedMs ?? 0) > options.imageTimeLimitMs) {
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
      return tasks.length;
    },
    give(task) {
      if (tasks.length === 0) {
        elapsedMs = undefined;
      }
      tasks.push(task);
      lastId += 1;
      child?.send({ type: 'classify', id: lastId, source: task.source, cams: task.cams });
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

/** At once the first time: one bad image should not cost a second of the service. */
function restartDelayMs(deathsInARow: number): number {
  return deathsInARow === 0
    ? 0
    : Math.min(RESTART_DELAY_MAX_MS, RESTART_DELAY_MS * 2 ** (deathsInARow - 1));
}

function timeout(what: string, limitMs: number): PipelineError {
  return new PipelineError('inference-timeout', `${what} within ${limitMs / 1000} s.`);
}

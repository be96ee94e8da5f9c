import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { startServe, type PrereadProcess } from '../support/preread-process.js';

const RESTART_PAUSE_MS = 250;

/** A `preread serve` process under a supervisor that starts it again whenever it has ended. */
export interface SupervisedProcess {
  readonly name: string;
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  /** Processes that it has started, for inference. */
  children(): number[];
  /** Ends that nobody has asked for: by itself, or while it was starting. */
  readonly ownEnds: readonly string[];
  whenReady(): Promise<void>;
  kill(): Promise<void>;
  /** SIGTERM, and no restart. Resolves to the exit code. */
  stop(): Promise<number | null>;
}

export function supervise(
  name: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[],
): SupervisedProcess {
  let current: PrereadProcess | undefined;
  const wanted = { kill: false, stop: false };
  const mustRun = (): boolean => !wanted.stop;
  const endWasWanted = (): boolean => wanted.kill || wanted.stop;
  const ownEnds: string[] = [];
  let wake: (() => void)[] = [];

  async function run(): Promise<void> {
    while (mustRun()) {
      try {
        const started = await startServe(env, args);
        current = started;
        wake.forEach((resolve) => {
          resolve();
        });
        wake = [];
        await ended(started);
        if (!endWasWanted()) {
          ownEnds.push(lastLines(started.output()));
        }
      } catch (error) {
        ownEnds.push(lastLines(String(error)));
      }
      current = undefined;
      wanted.kill = false;
      if (mustRun()) {
        await sleep(RESTART_PAUSE_MS);
      }
    }
  }
  const running = run();

  return {
    name,
    get pid() {
      return current?.child.pid;
    },
    ownEnds,
    children: () => childrenOf(current?.child.pid),
    whenReady: () =>
      current === undefined
        ? new Promise((resolve) => {
            wake.push(resolve);
          })
        : Promise.resolve(),
    async kill() {
      wanted.kill = true;
      await current?.kill();
    },
    async stop() {
      wanted.stop = true;
      const last = current;
      const code = (await last?.stop()) ?? null;
      await running;
      return code;
    },
  };
}

function ended({ child }: PrereadProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
    }
    child.once('exit', () => {
      resolve();
    });
  });
}

function childrenOf(pid: number | undefined): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join('\n').slice(-600);
}

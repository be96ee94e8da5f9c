import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A server program that a test runs, kills and starts again. */
export interface ChildServer {
  readonly pid: number;
  readonly running: boolean;
  /** The last lines that it has printed. */
  output(): string;
  /** Resolves when the process has ended. */
  end(signal: NodeJS.Signals): Promise<void>;
}

export function spawnServer(
  program: string,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildServer {
  const child: ChildProcess = spawn(program, args, {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-4_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.on('error', (error) => {
    output += error.message;
  });
  const closed = once(child, 'close').catch(() => undefined);
  const running = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid ?? -1,
    get running() {
      return running();
    },
    output: () => output,
    async end(signal) {
      if (running()) {
        child.kill(signal);
      }
      await closed;
    },
  };
}

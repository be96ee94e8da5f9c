import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { onTestFinished } from 'vitest';

import { packageRoot } from '../../adapters/process/package-info.js';

export interface ScriptProcess {
  readonly pid: number;
  /** Lines of its standard output, until it ends. */
  readonly lines: AsyncIterableIterator<string>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Runs a script of test/support in a process of its own, which does not outlive the test. */
export function runScript(name: string, args: readonly string[]): ScriptProcess {
  const script = join(packageRoot, 'test', 'support', `${name}.ts`);
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { stdout, pid } = child;
  if (stdout === null || pid === undefined) {
    throw new Error(`${name} cannot be started`);
  }
  const ended = once(child, 'exit');
  async function kill(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
    }
    await ended;
  }
  onTestFinished(() => kill('SIGKILL'));
  return { pid, lines: createInterface({ input: stdout })[Symbol.asyncIterator](), kill };
}

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { packageRoot } from '../../adapters/process/package-info.js';

export interface PrereadProcess {
  readonly child: ChildProcess;
  readonly env: Readonly<Record<string, string>>;
  /** Base URL of the API, as the process says when it is ready. */
  readonly url: string;
  /** Everything it wrote so far. */
  output(): string;
  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** `node bin/preread.js serve ...`, up and ready. Rejects with its output when it ends before that. */
export async function startServe(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<PrereadProcess> {
  const { child, output } = spawnPreread(['serve', ...args], { PREREAD_PORT: '0', ...env });
  const url = await readyUrl(child, output);
  return {
    child,
    env,
    url,
    output,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
      return child.exitCode;
    },
    kill: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    },
  };
}

/** Runs a command to its end; `child` is there to stop it before. */
export function runPreread(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ exitCode: number | null; output: string }> & { readonly child: ChildProcess } {
  const { child, output } = spawnPreread(args, env);
  const ended = once(child, 'close').then(() => ({ exitCode: child.exitCode, output: output() }));
  return Object.assign(ended, { child });
}

function spawnPreread(args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [join(packageRoot, 'bin', 'preread.js'), ...args], {
    // Nothing of the machine's own settings may reach a test.
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  }
  return { child, output: () => text };
}

function readyUrl(child: ChildProcess, output: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: child.stdout! });
    lines.on('line', (line) => {
      const url = /ready at (http\S+)/.exec(line)?.[1];
      if (url !== undefined) {
        resolve(url);
      }
    });
    child.once('exit', (code, signal) => {
      reject(new Error(`preread ended with ${code ?? signal} before it was ready:\n${output()}`));
    });
  });
}

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { packageRoot } from '../../adapters/process/package-info.js';

export interface ColdStart {
  /** From the start of the command to the first row of scores on stdout. */
  readonly firstRowMs: number;
  /** Node alone, doing nothing. */
  readonly emptyNodeMs: number;
}

export async function measureColdStart(model: string, image: string): Promise<ColdStart> {
  const emptyStartMs = performance.now();
  spawnSync(process.execPath, ['-e', '']);
  const emptyNodeMs = performance.now() - emptyStartMs;

  const startMs = performance.now();
  const command = join(packageRoot, 'bin/preread.js');
  const args = [command, 'score', image, '--out', '-', '--model', model];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  let firstRowMs = NaN;
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    // The header is the first line, the row the second.
    if (Number.isNaN(firstRowMs) && output.split('\n').length > 2) {
      firstRowMs = performance.now() - startMs;
    }
  });
  await once(child, 'close');
  return { firstRowMs, emptyNodeMs };
}

import { readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';

import { PipelineError } from '../../core/errors.js';

/**
 * Keeps a second run from writing into the same output: a file beside it that names the process. A run
 * that was killed leaves it behind, and the next one sees that its process is gone.
 */
export async function lockOutput(path: string): Promise<() => Promise<void>> {
  const content = `${hostname()} ${process.pid}\n`;
  for (;;) {
    try {
      await writeFile(path, content, { flag: 'wx' });
      return () => rm(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
        // On a full disk it is there, and names nobody: the next run would wait for somebody to remove it.
        await rm(path, { force: true });
        throw error;
      }
    }
    const owner = await readFile(path, 'utf8').catch(() => '');
    const [host, pid] = owner.trim().split(' ');
    if (host !== hostname() || isAlive(Number(pid))) {
      throw new PipelineError(
        'request-invalid',
        `Another run (process ${pid ?? '?'} on ${host ?? '?'}) writes this output. ` +
          `If that is not so, remove ${path}.`,
      );
    }
    await rm(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

import { open, readFile, rm } from 'node:fs/promises';
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
      await writeNew(path, content);
      return () => rm(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
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

/** Leaves no file that names nobody, as a full disk would: the next run could not tell that it is nobody's. */
async function writeNew(path: string, content: string): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(content);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
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

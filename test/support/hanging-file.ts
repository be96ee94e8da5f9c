import { execFileSync } from 'node:child_process';
import { closeSync, constants, copyFileSync, openSync, renameSync } from 'node:fs';

import { onTestFinished } from 'vitest';

/**
 * Lets every reader of a file hang in its system call, as on a share whose server is away: a named pipe that nobody writes to
 * stands in its place.
 *
 * @returns puts the file back and wakes who hangs. Idempotent, and done at the end of the test
 */
export function hangingFile(path: string): () => void {
  const [kept, pipe] = [`${path}.kept.part`, `${path}.pipe.part`];
  renameSync(path, kept);
  execFileSync('mkfifo', [path]);
  let hanging = true;
  const release = (): void => {
    if (!hanging) {
      return;
    }
    hanging = false;
    renameSync(path, pipe);
    copyFileSync(kept, path);
    try {
      closeSync(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK));
    } catch {
      // Nobody hangs.
    }
  };
  onTestFinished(release);
  return release;
}

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

import { temporaryFolder } from './temp-folder.js';

/** Why this process cannot mount file systems, or undefined when it can. */
export const mountingImpossible = tryMounting();

/** A real file system of the given size for the running test (tmpfs; needs root). */
export function smallDisk(sizeBytes: number): { folder: string; makeReadOnly(): void } {
  const folder = join(temporaryFolder(), 'disk');
  mkdirSync(folder);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', folder]);
  onTestFinished(() => {
    execFileSync('umount', [folder]);
  });
  return {
    folder,
    makeReadOnly: () => execFileSync('mount', ['-o', 'remount,ro', folder]),
  };
}

function tryMounting(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    return 'mounting a small file system needs root on Linux';
  }
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], {
      stdio: 'ignore',
    });
    return undefined;
  } catch {
    return 'this container does not allow mounting';
  }
}

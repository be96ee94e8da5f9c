import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
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

/** Why no file system can be made that hangs, or undefined when it can. */
export const freezingImpossible = mountingImpossible ?? tryFreezing();

/** A file system that hangs on demand, as a network share whose server is away: what writes to it waits. */
export function freezableDisk(sizeBytes: number): {
  readonly folder: string;
  freeze(): void;
  thaw(): void;
} {
  const home = temporaryFolder();
  const [image, folder] = [join(home, 'image'), join(home, 'disk')];
  mkdirSync(folder);
  writeFileSync(image, '');
  truncateSync(image, sizeBytes);
  execFileSync('mkfs.ext4', ['-q', image]);
  execFileSync('mount', ['-o', 'loop', image, folder]);
  let frozen = false;
  const thaw = (): void => {
    if (frozen) {
      execFileSync('fsfreeze', ['--unfreeze', folder]);
      frozen = false;
    }
  };
  onTestFinished(() => {
    thaw();
    execFileSync('umount', [folder]);
  });
  return {
    folder,
    freeze: () => {
      execFileSync('fsfreeze', ['--freeze', folder]);
      frozen = true;
    },
    thaw,
  };
}

function tryFreezing(): string | undefined {
  try {
    execFileSync('losetup', ['--find'], { stdio: 'ignore' });
    execFileSync('fsfreeze', ['--version'], { stdio: 'ignore' });
    execFileSync('mkfs.ext4', ['-V'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'a file system that freezes needs loop devices, fsfreeze and mkfs.ext4';
  }
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

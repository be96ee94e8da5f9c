import { execFileSync } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { mountingImpossible } from '../support/small-disk.js';

/** The disk of the pipeline: a file system of its own where that is possible, so that it can be filled. */
export interface Disk {
  readonly dataFolder: string;
  readonly canBeFilled: boolean;
  /** Writes until there is no room left. */
  fill(): Promise<void>;
  /** Makes room again. */
  relieve(): Promise<void>;
  remove(): void;
}

const CHUNK = Buffer.alloc(1024 ** 2);

export function createDisk(sizeBytes: number): Disk {
  const root = mkdtempSync(join(tmpdir(), 'preread-chaos-'));
  const canBeFilled = mountingImpossible === undefined;
  if (canBeFilled) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=755`, 'tmpfs', root]);
  }
  const dataFolder = join(root, 'data');
  mkdirSync(dataFolder);
  const filler = join(root, 'filler');
  return {
    dataFolder,
    canBeFilled,
    async fill() {
      const endless = Readable.from(
        (function* () {
          for (;;) yield CHUNK;
        })(),
      );
      // Ends with ENOSPC.
      await pipeline(endless, createWriteStream(filler)).catch(() => undefined);
    },
    relieve: () => rm(filler, { force: true }),
    remove() {
      if (canBeFilled) {
        execFileSync('umount', ['--lazy', root]);
      }
      rmSync(root, { recursive: true, force: true });
    },
  };
}

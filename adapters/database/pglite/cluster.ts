import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { writeCluster } from './cluster-template.js';

/** Files that are fsynced at the same time. */
const CONCURRENCY = 16;

/**
 * Makes sure that the folder holds a database cluster. A cluster appears under its name complete and
 * durable or not at all, so that a process that dies here leaves nothing that looks like a database.
 */
export async function ensureCluster(folder: string): Promise<void> {
  if (existsSync(folder)) {
    return;
  }
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true, mode: 0o750 });
  await writeCluster(unfinished);
  const entries = await readdir(unfinished, { recursive: true, withFileTypes: true });
  await syncAll([unfinished, ...entries.map((entry) => join(entry.parentPath, entry.name))]);
  await rename(unfinished, folder);
  await syncAll([dirname(folder)]);
}

async function syncAll(paths: readonly string[]): Promise<void> {
  const remaining = paths.values();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const path of remaining) {
        const handle = await open(path, 'r');
        await handle.sync().finally(() => handle.close());
      }
    }),
  );
}

import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';

import type { StorageGuard } from '../../adapters/storage/storage-guard.js';

const PROC = '/proc';
/** O_WRONLY or O_RDWR. */
const WRITING = 0o3;

/**
 * Which of the files a process of this machine has open for writing, as far as we may see (Linux; processes of
 * other users only as root). Elsewhere none: then the settling time alone has to do.
 */
export async function openForWriting(
  guard: Pick<StorageGuard, 'run'>,
  paths: readonly string[],
): Promise<ReadonlySet<string>> {
  const open = new Set<string>();
  if (paths.length === 0 || process.platform !== 'linux') {
    return open;
  }
  const wanted = new Map<string, string>();
  for (const path of paths) {
    wanted.set(await guard.run(() => realpath(path).catch(() => path)), path);
  }
  for (const pid of await readdir(PROC).catch(() => [])) {
    if (!/^\d+$/.test(pid)) {
      continue;
    }
    const descriptors = join(PROC, pid, 'fd');
    for (const fd of await readdir(descriptors).catch(() => [])) {
      const target = await readlink(join(descriptors, fd)).catch(() => '');
      const path = wanted.get(target);
      if (path !== undefined && (await isWriting(pid, fd))) {
        open.add(path);
      }
    }
  }
  return open;
}

async function isWriting(pid: string, fd: string): Promise<boolean> {
  const text = await readFile(join(PROC, pid, 'fdinfo', fd), 'utf8').catch(() => '');
  const flags = /^flags:\s*([0-7]+)$/m.exec(text)?.[1];
  return flags !== undefined && (parseInt(flags, 8) & WRITING) !== 0;
}

import { lstat, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';

import type { StorageGuard } from '../../adapters/storage/storage-guard.js';

/** A regular file as it was when it was looked at. */
export interface FoundFile {
  readonly path: string;
  /** Below the watched folder. */
  readonly relativePath: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

/** Names that programs give to files they are still writing, and what file managers leave behind. */
const UNFINISHED_OR_CLUTTER =
  /^\.|~$|\.(?:part|partial|tmp|temp|crdownload|filepart)$|^(?:Thumbs\.db|desktop\.ini)$/i;

/**
 * The regular files below a folder. Hidden ones, unfinished ones by their name, and symbolic links are left
 * out, and so are the folders to skip. What vanishes while one looks is no error.
 * @throws PipelineError `storage-unavailable` when the root cannot be read, or the share does not answer
 */
export async function* scanFolder(
  guard: Pick<StorageGuard, 'run'>,
  root: string,
  skip: ReadonlySet<string>,
  folder = root,
): AsyncGenerator<FoundFile> {
  const entries = await guard.run(() =>
    readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      if (folder === root) {
        throw error;
      }
      return [];
    }),
  );
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (UNFINISHED_OR_CLUTTER.test(entry.name)) {
      continue;
    }
    if (entry.isDirectory()) {
      if (!skip.has(path)) {
        yield* scanFolder(guard, root, skip, path);
      }
    } else if (entry.isFile()) {
      const found = await guard.run(() => lstat(path).catch(() => undefined));
      if (found !== undefined) {
        const { size: sizeBytes, mtimeMs } = found;
        yield { path, relativePath: relative(root, path), sizeBytes, mtimeMs };
      }
    }
  }
}

import { closeSync, fsyncSync, openSync } from 'node:fs';

import { NodeFS } from '@electric-sql/pglite/nodefs';

/** WASI's number for "I/O error"; the server then panics, as it must after a failed fsync. */
const WASI_EIO = 29;

/** The parts of Emscripten's NODEFS that are used here. `nfd` is absent on streams of folders. */
interface NodeFileSystem {
  readonly stream_ops: { fsync?: (stream: NodeStream) => number };
  realPath(node: unknown): string;
}

interface NodeStream {
  readonly nfd?: number;
  readonly node: unknown;
}

type InitParameters = Parameters<NodeFS['init']>;
type InitResult = ReturnType<NodeFS['init']>;

/**
 * PGlite's folder file system with an fsync. PGlite leaves it out and starts the server with fsync off,
 * so that a power failure loses commits or the whole database; with it (and DURABLE_START_PARAMETERS) a
 * commit is on the disk before it is answered, as in any PostgreSQL.
 */
export class DurableNodeFS extends NodeFS {
  override async init(...[pg, options]: InitParameters): InitResult {
    const { emscriptenOpts } = await super.init(pg, options);
    const addFsync = (module: { readonly NODEFS: NodeFileSystem }): void => {
      const { NODEFS } = module;
      NODEFS.stream_ops.fsync = (stream) => fsync(stream, NODEFS);
    };
    emscriptenOpts.preRun = [...asArray(emscriptenOpts.preRun), addFsync];
    return { emscriptenOpts };
  }
}

/**
 * Come after PGlite's own, of which `-F` (no fsync) is one; the last one counts. Of the methods to make
 * the log durable only `fsync` reaches the file system (PGlite's fdatasync does nothing).
 */
export const DURABLE_START_PARAMETERS = ['-c', 'fsync=on', '-c', 'wal_sync_method=fsync'];

function fsync(stream: NodeStream, fileSystem: NodeFileSystem): number {
  try {
    if (stream.nfd === undefined) {
      const folder = openSync(fileSystem.realPath(stream.node), 'r');
      try {
        fsyncSync(folder);
      } finally {
        closeSync(folder);
      }
    } else {
      fsyncSync(stream.nfd);
    }
    return 0;
  } catch {
    return WASI_EIO;
  }
}

function asArray<T>(value: T | T[] | undefined): T[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

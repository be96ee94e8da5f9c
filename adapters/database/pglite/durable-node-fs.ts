import { closeSync, fsyncSync, openSync } from 'node:fs';

import { NodeFS } from '@electric-sql/pglite/nodefs';

/** WASI's number for "I/O error"; the server then panics, as it must after a failed fsync. */
const WASI_EIO = 29;
/** Where PostgreSQL has its write-ahead log, below the data folder. */
const LOG_FOLDER = 'pg_wal';

/** The parts of Emscripten's NODEFS that are used here. `nfd` is absent on streams of folders. */
interface NodeFileSystem {
  readonly stream_ops: Operations & { fsync?: (stream: NodeStream) => number };
  readonly node_ops: Operations;
  realPath(node: object): string;
}

type Operations = Record<string, ((...args: never[]) => unknown) | undefined>;

interface NodeStream {
  readonly nfd?: number;
  readonly node: object;
}

type InitParameters = Parameters<NodeFS['init']>;
type InitResult = ReturnType<NodeFS['init']>;

/** What changes a file that is not written to through a stream. */
const CHANGES_OF_NODES = ['setattr', 'mknod', 'rename', 'unlink', 'rmdir', 'symlink'];
/** A stream of the log that is closed can be synced no more. */
const CHANGES_OF_STREAMS = ['setattr', 'msync', 'close'];

/**
 * PGlite's folder file system with an fsync. PGlite leaves it out and starts the server with fsync off,
 * so that a power failure loses commits or the whole database; with it (and DURABLE_START_PARAMETERS) a
 * commit is on the disk before it is answered, as in any PostgreSQL.
 *
 * One process serves all clients here, so that it cannot wait for the disk for several of them at once, as
 * PostgreSQL's processes do (group commit). That is why an fsync of the write-ahead log is only noted, and done
 * by `settle`: before the clients are answered, and before anything else of the database is written, because no
 * page may reach the disk before the log of its change (PostgreSQL documentation, 28.3 "Write-Ahead Logging").
 */
export class DurableNodeFS extends NodeFS {
  /** File descriptors of the log that are to be synced. */
  readonly #owed = new Set<number>();
  #requests = 0;

  /** How often the server has asked for an fsync of its log, which it does for each commit that wrote something. */
  get logSyncs(): number {
    return this.#requests;
  }

  /**
   * Brings to the disk what the server takes to be there already.
   * @throws what the file system throws: then the server must not go on
   */
  settle(): void {
    for (const descriptor of this.#owed) {
      fsyncSync(descriptor);
      this.#owed.delete(descriptor);
    }
  }

  override async init(...[pg, options]: InitParameters): InitResult {
    const { emscriptenOpts } = await super.init(pg, options);
    const addFsync = (module: { readonly NODEFS: NodeFileSystem }): void => {
      this.#extend(module.NODEFS);
    };
    emscriptenOpts.preRun = [...asArray(emscriptenOpts.preRun), addFsync];
    return { emscriptenOpts };
  }

  #extend(fileSystem: NodeFileSystem): void {
    const { stream_ops, node_ops } = fileSystem;
    const isLog = logTest(fileSystem);

    stream_ops.fsync = (stream) => {
      try {
        if (stream.nfd !== undefined && isLog(stream.node)) {
          this.#requests += 1;
          this.#owed.add(stream.nfd);
        } else {
          this.settle();
          fsync(stream, fileSystem);
        }
        return 0;
      } catch {
        return WASI_EIO;
      }
    };
    const { write } = stream_ops;
    stream_ops['write'] = (...args: never[]) => {
      const [stream] = args as unknown as [NodeStream];
      if (this.#owed.size > 0 && !isLog(stream.node)) {
        this.settle();
      }
      return write?.(...args);
    };
    for (const [operations, names] of [
      [stream_ops, CHANGES_OF_STREAMS],
      [node_ops, CHANGES_OF_NODES],
    ] as const) {
      for (const name of names) {
        const operation = operations[name];
        operations[name] = (...args: never[]) => {
          this.settle();
          return operation?.(...args);
        };
      }
    }
  }
}

/**
 * Come after PGlite's own, of which `-F` (no fsync) is one; the last one counts. Of the methods to make
 * the log durable only `fsync` reaches the file system (PGlite's fdatasync does nothing).
 */
export const DURABLE_START_PARAMETERS = ['-c', 'fsync=on', '-c', 'wal_sync_method=fsync'];

function fsync({ nfd, node }: NodeStream, fileSystem: NodeFileSystem): void {
  if (nfd !== undefined) {
    fsyncSync(nfd);
    return;
  }
  const folder = openSync(fileSystem.realPath(node), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Whether a file is one of the write-ahead log; looked up once a file. */
function logTest(fileSystem: NodeFileSystem): (node: object) => boolean {
  const known = new WeakMap<object, boolean>();
  return (node) => {
    let isLog = known.get(node);
    if (isLog === undefined) {
      isLog = fileSystem.realPath(node).split('/').includes(LOG_FOLDER);
      known.set(node, isLog);
    }
    return isLog;
  };
}

function asArray<T>(value: T | T[] | undefined): T[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

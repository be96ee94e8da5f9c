/** Of what is being stored, so much stays in memory for whoever reads the header. Within this that of a radiograph ends. */
export const HEAD_BYTES = 64 * 1024;

/** Bytes that are fsynced under a temporary name and not yet part of the store. */
export interface StagedObject {
  /** For readers that need a file (header parsing). Gone after `commit` or `discard`. */
  readonly path: string;
  readonly sizeBytes: number;
  /** The first bytes: `HEAD_BYTES`, or all of fewer. */
  readonly head: Uint8Array;
  /** Lower-case hexadecimal SHA-256 of the bytes. */
  readonly sha256: string;
  /** Moves the bytes to their place and makes that durable. Returns the key. Idempotent. */
  commit(): Promise<string>;
  /** Forgets the bytes, unless committed. Idempotent, never throws. */
  discard(): Promise<void>;
}

/** Runs an operation on files under the time limit of what they lie on. */
export type Guarded = <T>(operation: () => Promise<T>) => Promise<T>;

/** A file that is open for reading. Every method throws `storage-unavailable` when the store does not answer in time. */
export interface OpenFile {
  sizeBytes(): Promise<number>;
  /** Fewer bytes than asked for at the end of the file. */
  read(atByte: number, length: number): Promise<Buffer>;
  /** Never throws. */
  close(): Promise<void>;
}

/**
 * Where DICOM objects live: content-addressed, so that storing the same bytes twice is one object and
 * no object is ever changed. Every method that writes throws `storage-full` or `storage-unavailable`.
 */
export interface ObjectStore {
  /**
   * Streams bytes to disk; never holds more than a chunk in memory.
   * @throws PipelineError `payload-too-large` beyond maxBytes; whatever `bytes` throws, after clean-up
   */
  stage(
    bytes: AsyncIterable<Uint8Array>,
    limits: { readonly maxBytes: number },
  ): Promise<StagedObject>;
  /** The file of a committed object. */
  path(key: string): string;
  /**
   * Opens a file of the store.
   * @throws PipelineError `storage-unavailable`, also when the store does not answer in time
   */
  open(path: string): Promise<OpenFile>;
  /** The bytes of a file of the store. Throws as `open`. */
  read(path: string): AsyncIterable<Uint8Array>;
  /**
   * Runs what reads or writes files of the store in another way, with the store's time limit. Not for what calls the
   * store itself.
   * @throws PipelineError `storage-unavailable` when the store does not answer; else what the operation throws
   */
  readonly guarded: Guarded;
  /** Keys of all committed objects, in no order. */
  keys(): AsyncIterable<string>;
  /** Removing what is not there is no error. */
  remove(key: string): Promise<void>;
  /** Throws when an object could not be stored now. `freeBytes` is what the file system has left. */
  check(): Promise<{ readonly freeBytes: number }>;
  /** What the file system has left, also when that is too little to store anything. */
  freeBytes(): Promise<number>;
}

/** Bytes that are fsynced under a temporary name and not yet part of the store. */
export interface StagedObject {
  /** For readers that need a file (header parsing). */
  readonly path: string;
  readonly sizeBytes: number;
  /** Lower-case hexadecimal SHA-256 of the bytes. */
  readonly sha256: string;
  /** Moves the bytes to their place and makes that durable. Returns the key. Idempotent. */
  commit(): Promise<string>;
  /** Forgets the bytes, unless committed. Idempotent. */
  discard(): Promise<void>;
}

/**
 * Where DICOM objects live: content-addressed, so that storing the same bytes twice is one object and
 * nothing is ever overwritten. Full or unwritable disks are `storage-full` and `storage-unavailable`.
 */
export interface ObjectStore {
  /**
   * Streams bytes to disk; never holds more than a chunk in memory.
   * @throws PipelineError `payload-too-large` beyond maxBytes; whatever `bytes` throws, after clean-up
   */
  stage(bytes: AsyncIterable<Uint8Array>, limits: { maxBytes: number }): Promise<StagedObject>;
  /** The file of a committed object. */
  path(key: string): string;
  /** Keys of all committed objects, in no order. */
  keys(): AsyncIterable<string>;
  remove(key: string): Promise<void>;
  /** Throws when objects cannot be written; `freeBytes` is what the file system has left. */
  check(): Promise<{ freeBytes: number }>;
}

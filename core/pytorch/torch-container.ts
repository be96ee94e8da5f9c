import type { PyValue, TorchStorage } from './py-values.js';

/** The items of a storage, little-endian, as many as the container has. */
export type StorageBytes = (storage: TorchStorage) => Uint8Array | undefined;

/** What torch.save wrote, whatever the container. */
export interface TorchContainer {
  readonly value: PyValue;
  readonly storages: StorageBytes;
}

import { createByteReader } from './byte-reader.js';
import { invalidCheckpoint } from './checkpoint-error.js';
import { unpickle } from './unpickle.js';
import { PyDict, PyList, TorchStorage, type PyValue } from './py-values.js';
import type { StorageBytes, TorchContainer } from './torch-container.js';
import { torchHost } from './torch-host.js';

/** Source: `MAGIC_NUMBER` and `PROTOCOL_VERSION` of torch/serialization.py. */
const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/** Whether bytes begin as a pickle does: the zip container is tried first. */
export function isLegacyContainer(data: Uint8Array): boolean {
  return data[0] === 0x80 && (data[1] ?? 0) >= 2;
}

/**
 * The container of PyTorch before 1.6: pickles of a magic number, the protocol, the machine, the object and
 * the list of storage keys, then each storage with its length (int64) before its items.
 */
export function readLegacyContainer(data: Uint8Array): TorchContainer {
  const [magic, afterMagic] = read(data, 0);
  if (magic !== MAGIC) {
    throw invalidCheckpoint('it is a pickle, but not one of torch.save');
  }
  const [protocol, afterProtocol] = read(data, afterMagic);
  if (protocol !== PROTOCOL) {
    throw invalidCheckpoint('it was saved by an unknown version of torch.save');
  }
  const [machine, afterMachine] = read(data, afterProtocol);
  if (!(machine instanceof PyDict) || machine.entries.get('little_endian') !== true) {
    throw invalidCheckpoint('it was saved on a big-endian machine');
  }
  const itemBytes = new Map<string, number>();
  const { value, end } = unpickle(data, afterMachine, {
    ...torchHost,
    persistent(id) {
      const found = torchHost.persistent(id);
      if (found instanceof TorchStorage) {
        itemBytes.set(found.key, found.itemBytes);
      }
      return found;
    },
  });
  const [keys, storagesAt] = read(data, end);
  if (!(keys instanceof PyList)) {
    throw invalidCheckpoint('it has no list of storages');
  }
  return { value, storages: readStorages(data, storagesAt, keys.items, itemBytes) };
}

/** Every storage lies behind the one before it, so all of them are walked through. */
function readStorages(
  data: Uint8Array,
  start: number,
  keys: readonly PyValue[],
  itemBytes: ReadonlyMap<string, number>,
): StorageBytes {
  const reader = createByteReader(data, start);
  const found = new Map<string, Uint8Array>();
  for (const key of keys) {
    const size = typeof key === 'string' ? itemBytes.get(key) : undefined;
    if (typeof key !== 'string' || size === undefined) {
      throw invalidCheckpoint('it has a storage that nothing uses');
    }
    found.set(key, reader.bytes(reader.u64() * size));
  }
  return (storage) => found.get(storage.key);
}

function read(data: Uint8Array, start: number): [PyValue, number] {
  const { value, end } = unpickle(data, start, torchHost);
  return [value, end];
}

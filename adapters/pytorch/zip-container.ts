import { buffer as collect } from 'node:stream/consumers';

import { fromBufferPromise, type Entry, type ZipFile } from 'yauzl';

import { invalidCheckpoint } from '../../core/pytorch/checkpoint-error.js';
import { unpickle } from '../../core/pytorch/unpickle.js';
import type { TorchContainer } from '../../core/pytorch/torch-container.js';
import { torchHost } from '../../core/pytorch/torch-host.js';

/** A DenseNet201 has 1,000 storages. */
const MAX_ENTRIES = 20_000;
const MAX_PICKLE_BYTES = 64 << 20;

export function isZip(data: Uint8Array): boolean {
  return data[0] === 0x50 && data[1] === 0x4b && data[2] === 3 && data[3] === 4;
}

/**
 * The container of PyTorch from 1.6 on: a zip file with `<name>/data.pkl` and one file for each storage
 * under `<name>/data/`. PyTorch stores without compression, so no entry can be larger than the file:
 * compressed ones are refused.
 */
export async function readZipContainer(data: Buffer): Promise<TorchContainer> {
  let zip: ZipFile;
  try {
    zip = await fromBufferPromise(data, { lazyEntries: true });
  } catch (cause) {
    throw unreadable(cause);
  }
  const files = await readEntries(zip, data.length);
  const pickleName = [...files.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickleName === undefined) {
    throw invalidCheckpoint('it is a zip file without a data.pkl, so it is not from torch.save');
  }
  const root = pickleName.slice(0, -'data.pkl'.length);
  if (files.has(`${root}constants.pkl`)) {
    throw invalidCheckpoint('it is a TorchScript archive: it holds a program, not only weights');
  }
  const byteOrder = files.get(`${root}byteorder`)?.toString('latin1') ?? 'little';
  if (byteOrder !== 'little') {
    throw invalidCheckpoint('it was saved on a big-endian machine');
  }
  const pickle = files.get(pickleName) ?? Buffer.alloc(0);
  if (pickle.length > MAX_PICKLE_BYTES) {
    throw invalidCheckpoint(`its data.pkl has ${pickle.length} bytes`);
  }
  const { value } = unpickle(pickle, 0, torchHost);
  return { value, storages: ({ key }) => files.get(`${root}data/${key}`) };
}

async function readEntries(zip: ZipFile, fileBytes: number): Promise<Map<string, Buffer>> {
  if (zip.entryCount > MAX_ENTRIES) {
    throw invalidCheckpoint(`it has ${zip.entryCount} entries`);
  }
  const files = new Map<string, Buffer>();
  let total = 0;
  try {
    for await (const entry of zip.eachEntry()) {
      total += checkEntry(entry);
      // Entries that overlap would add up to more than there is.
      if (total > fileBytes) {
        throw invalidCheckpoint('its entries are larger than the file');
      }
      files.set(entry.fileName, await collect(await zip.openReadStreamPromise(entry)));
    }
  } catch (cause) {
    throw unreadable(cause);
  }
  return files;
}

function checkEntry({ fileName, compressionMethod, uncompressedSize }: Entry): number {
  if (compressionMethod !== 0) {
    throw invalidCheckpoint(`its entry ${JSON.stringify(fileName)} is compressed`);
  }
  return uncompressedSize;
}

function unreadable(cause: unknown): unknown {
  return cause instanceof Error && cause.name === 'PipelineError'
    ? cause
    : invalidCheckpoint('its zip structure is damaged');
}

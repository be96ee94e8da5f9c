import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { createInflateRaw } from 'node:zlib';

import { PipelineError } from '../../core/errors.js';
import { HEAD_BYTES } from '../../core/storage/object-store.js';
import type { FileInspection, StartOfFile } from '../../core/use-cases/ingest-instance.js';
import type { ParseOptions } from './data-set.js';
import { findDataSet } from './file-meta.js';
import { identityOf } from './instance-header.js';
import { ITEM_HEADER_BYTES, walkFragments } from './pixel-data.js';
import { readHeaderPrefix } from './read-dicom.js';
import type { HeaderResult, IdentifiedInstance } from './read-dicom.js';

/** What is read of a file. */
interface ByteSource {
  readonly path: string;
  readonly sizeBytes: number;
  readonly read: (offset: number, length: number) => Promise<Uint8Array>;
}

export interface IdentifyOptions extends ParseOptions {
  /** A header longer than this is refused: it would be held in memory. */
  readonly maxHeaderBytes?: number;
}

const DEFAULT_MAX_HEADER_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_INFLATED_BYTES = 512 * 1024 * 1024;

/**
 * Identity and header of a file, and the proof that its Pixel Data is all there, reading the header and
 * the items' eight bytes only (a deflated file is inflated as a stream).
 *
 * Throws as `readIdentity`; `dicom-truncated` when Pixel Data is cut off.
 */
export async function identifyFile(
  path: string,
  options: IdentifyOptions = {},
): Promise<IdentifiedInstance> {
  const handle = await open(path, 'r');
  try {
    const { size: sizeBytes } = await handle.stat();
    const source: ByteSource = {
      path,
      sizeBytes,
      read: (offset, length) => readRange(handle, offset, length),
    };
    const { header, pixelData, inflated } = await readHeader(source, options);
    const identity = identityOf(header);
    await checkComplete(source, { pixelData, inflated }, options);
    return { kind: 'identified', identity, header, pixelData, inflated };
  } finally {
    await handle.close();
  }
}

/**
 * As `identifyFile`, for ingest: UIDs may be missing, and damage behind the header is told as a value. Of most files the
 * first bytes are enough, and the file is not opened: each operation on it wakes two threads.
 */
export async function inspectFile(
  file: StartOfFile,
  options: IdentifyOptions = {},
): Promise<FileInspection> {
  const { path, sizeBytes, head } = file;
  let handle: FileHandle | undefined;
  const source: ByteSource = {
    path,
    sizeBytes,
    async read(offset, length) {
      if (offset + length <= head.length || head.length === sizeBytes) {
        return head.subarray(offset, offset + length);
      }
      handle ??= await open(path, 'r');
      return readRange(handle, offset, length);
    },
  };
  try {
    const read = await readHeader(source, options);
    const { header, readAttribute, pixelData } = read;
    const damage = await checkComplete(source, read, options).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof PipelineError) {
          return error;
        }
        throw error;
      },
    );
    return { header, readAttribute, hasPixelData: pixelData !== undefined, damage };
  } finally {
    await handle?.close();
  }
}

type ReadHeader = Exclude<HeaderResult, { kind: 'need-more' }>;

async function readHeader(
  { sizeBytes, read }: ByteSource,
  options: IdentifyOptions,
): Promise<ReadHeader> {
  const maxHeaderBytes = options.maxHeaderBytes ?? DEFAULT_MAX_HEADER_BYTES;
  for (let length = HEAD_BYTES; ; length *= 4) {
    const prefix = await read(0, Math.min(length, maxHeaderBytes, sizeBytes));
    const result = readHeaderPrefix(prefix, prefix.length === sizeBytes, options);
    if (result.kind === 'read') {
      return result;
    }
    if (length >= maxHeaderBytes) {
      throw new PipelineError('dicom-unreadable', 'The header exceeds the size limit.');
    }
  }
}

async function checkComplete(
  source: ByteSource,
  instance: Pick<ReadHeader, 'pixelData' | 'inflated'>,
  options: IdentifyOptions,
): Promise<void> {
  const { pixelData } = instance;
  if (pixelData === undefined) {
    return;
  }
  if (pixelData.length !== undefined) {
    const sizeBytes = instance.inflated ? await inflatedSize(source, options) : source.sizeBytes;
    if (pixelData.offset + pixelData.length > sizeBytes) {
      throw new PipelineError('dicom-truncated', 'The Pixel Data is cut off.');
    }
    return;
  }
  const walk = walkFragments(pixelData.offset, source.sizeBytes);
  let step = walk.next();
  while (step.done !== true) {
    step = walk.next(await source.read(step.value, ITEM_HEADER_BYTES));
  }
}

/** Bytes of a deflated data set when inflated. Throws `dicom-truncated` before its last block. */
async function inflatedSize({ path, read }: ByteSource, options: ParseOptions): Promise<number> {
  const maxBytes = options.maxInflatedBytes ?? DEFAULT_MAX_INFLATED_BYTES;
  const meta = findDataSet(await read(0, HEAD_BYTES), options.bare ?? false);
  let sizeBytes = 0;
  const source = createReadStream(path, { start: meta?.offset ?? 0 });
  const inflate = createInflateRaw();
  source.once('error', (error) => inflate.destroy(error));
  try {
    // Not `pipeline`: it takes the byte that pads an odd stream (PS3.5 A.5) for one that was not read.
    for await (const chunk of source.pipe(inflate) as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) {
        throw new PipelineError('dicom-unreadable', 'The data set inflates beyond the limit.');
      }
    }
  } catch (error) {
    throw error instanceof PipelineError
      ? error
      : new PipelineError('dicom-truncated', undefined, { cause: error });
  } finally {
    source.destroy();
    inflate.destroy();
  }
  return sizeBytes;
}

async function readRange(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(length);
  const { bytesRead } = await handle.read(buffer, 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

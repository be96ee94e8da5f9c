import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { createInflateRaw } from 'node:zlib';

import { PipelineError } from '../../core/errors.js';
import type { FileInspection } from '../../core/use-cases/ingest-instance.js';
import type { ParseOptions } from './data-set.js';
import { findDataSet } from './file-meta.js';
import { identityOf } from './instance-header.js';
import { ITEM_HEADER_BYTES, walkFragments } from './pixel-data.js';
import { readHeaderPrefix } from './read-dicom.js';
import type { HeaderResult, IdentifiedInstance } from './read-dicom.js';

const FIRST_PREFIX_BYTES = 64 * 1024;

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
  return withFile(path, async (handle, sizeBytes) => {
    const { header, pixelData, inflated } = await readHeader(handle, sizeBytes, options);
    const identity = identityOf(header);
    await checkComplete(handle, sizeBytes, { pixelData, inflated }, path, options);
    return { kind: 'identified', identity, header, pixelData, inflated };
  });
}

/** As `identifyFile`, for ingest: UIDs may be missing, and damage behind the header is told as a value. */
export async function inspectFile(
  path: string,
  options: IdentifyOptions = {},
): Promise<FileInspection> {
  return withFile(path, async (handle, sizeBytes) => {
    const read = await readHeader(handle, sizeBytes, options);
    const { header, readAttribute, pixelData } = read;
    const damage = await checkComplete(handle, sizeBytes, read, path, options).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof PipelineError) {
          return error;
        }
        throw error;
      },
    );
    return { header, readAttribute, hasPixelData: pixelData !== undefined, damage };
  });
}

type ReadHeader = Exclude<HeaderResult, { kind: 'need-more' }>;

async function withFile<T>(
  path: string,
  use: (handle: FileHandle, sizeBytes: number) => Promise<T>,
): Promise<T> {
  const handle = await open(path, 'r');
  try {
    return await use(handle, (await handle.stat()).size);
  } finally {
    await handle.close();
  }
}

async function readHeader(
  handle: FileHandle,
  sizeBytes: number,
  options: IdentifyOptions,
): Promise<ReadHeader> {
  const maxHeaderBytes = options.maxHeaderBytes ?? DEFAULT_MAX_HEADER_BYTES;
  for (let length = FIRST_PREFIX_BYTES; ; length *= 4) {
    const prefix = await readRange(handle, 0, Math.min(length, maxHeaderBytes, sizeBytes));
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
  handle: FileHandle,
  fileBytes: number,
  instance: Pick<ReadHeader, 'pixelData' | 'inflated'>,
  path: string,
  options: IdentifyOptions,
): Promise<void> {
  const { pixelData } = instance;
  if (pixelData === undefined) {
    return;
  }
  if (pixelData.length !== undefined) {
    const sizeBytes = instance.inflated ? await inflatedSize(handle, path, options) : fileBytes;
    if (pixelData.offset + pixelData.length > sizeBytes) {
      throw new PipelineError('dicom-truncated', 'The Pixel Data is cut off.');
    }
    return;
  }
  const walk = walkFragments(pixelData.offset, fileBytes);
  let step = walk.next();
  while (step.done !== true) {
    step = walk.next(await readRange(handle, step.value, ITEM_HEADER_BYTES));
  }
}

/** Bytes of a deflated data set when inflated. Throws `dicom-truncated` before its last block. */
async function inflatedSize(
  handle: FileHandle,
  path: string,
  options: ParseOptions,
): Promise<number> {
  const maxBytes = options.maxInflatedBytes ?? DEFAULT_MAX_INFLATED_BYTES;
  const meta = findDataSet(await readRange(handle, 0, FIRST_PREFIX_BYTES), options.bare ?? false);
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

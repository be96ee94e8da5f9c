import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';

import { PipelineError } from '../../core/errors.js';
import type { ParseOptions } from './data-set.js';
import { findDataSet } from './file-meta.js';
import { walkFragments } from './pixel-data.js';
import { readIdentity } from './read-dicom.js';
import type { IdentifiedInstance } from './read-dicom.js';

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
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const instance = await readHeader(handle, size, options);
    await checkComplete(handle, size, instance, path, options);
    return instance;
  } finally {
    await handle.close();
  }
}

async function readHeader(
  handle: FileHandle,
  sizeBytes: number,
  options: IdentifyOptions,
): Promise<IdentifiedInstance> {
  const maxHeaderBytes = options.maxHeaderBytes ?? DEFAULT_MAX_HEADER_BYTES;
  for (let length = FIRST_PREFIX_BYTES; ; length *= 4) {
    const prefix = await readRange(handle, 0, Math.min(length, maxHeaderBytes, sizeBytes));
    const result = readIdentity(prefix, prefix.length === sizeBytes, options);
    if (result.kind === 'identified') {
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
  instance: IdentifiedInstance,
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
    step = walk.next(await readRange(handle, step.value, 8));
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
  try {
    await pipeline(
      createReadStream(path, { start: meta?.offset ?? 0 }),
      createInflateRaw(),
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) {
          sizeBytes += chunk.length;
          if (sizeBytes > maxBytes) {
            throw new PipelineError('dicom-unreadable', 'The data set inflates beyond the limit.');
          }
        }
      },
    );
  } catch (error) {
    throw error instanceof PipelineError
      ? error
      : new PipelineError('dicom-truncated', undefined, { cause: error });
  }
  return sizeBytes;
}

async function readRange(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(length);
  const { bytesRead } = await handle.read(buffer, 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

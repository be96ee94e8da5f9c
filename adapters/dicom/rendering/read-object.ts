import { readFile, stat } from 'node:fs/promises';

import { PipelineError, toPipelineError } from '../../../core/errors.js';
import { DEFAULT_IMAGE_LIMITS } from '../prepare-image.js';
import { readDicom, type DicomObject } from '../read-dicom.js';
import type { ObjectSource } from './image-task.js';

/**
 * A whole object in memory.
 * @throws PipelineError `image-too-large`, `file-unreadable`, and what `readDicom` throws
 */
export async function readObject(source: ObjectSource): Promise<DicomObject> {
  return readDicom('bytes' in source ? source.bytes : await readBounded(source.path));
}

/**
 * A whole file in memory.
 * @throws PipelineError `image-too-large`, `file-unreadable`
 */
export async function readBounded(path: string): Promise<Uint8Array> {
  try {
    if ((await stat(path)).size > DEFAULT_IMAGE_LIMITS.maxFileBytes) {
      throw new PipelineError('image-too-large', 'The file exceeds the size that is decoded.');
    }
    return await readFile(path);
  } catch (error) {
    throw toPipelineError(error, 'file-unreadable');
  }
}

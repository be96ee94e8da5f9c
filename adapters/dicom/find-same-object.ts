import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

import type { InstanceIdentity } from '../../core/dicom/instance-header.js';
import type { ObjectStore } from '../../core/storage/object-store.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import { findDataSet } from './file-meta.js';

/** File Meta Information is shorter than this. */
const META_BYTES = 64 * 1024;
const BLOCK_BYTES = 1024 ** 2;

/**
 * Finds out whether an object whose bytes differ from the stored instance's is the same all the same: the
 * File Meta Information in front of a data set is the last sender's (PS3.10 7.1), so one object that comes by
 * C-STORE and as a file is two files with one data set.
 *
 * @returns the study of the stored instance when it is the same; undefined when it is not
 */
export function createSameObjectFinder(deps: {
  readonly objects: Pick<ObjectStore, 'path'>;
  readonly studies: Pick<StudyStore, 'loadInstance'>;
}): (
  instanceId: string,
  identity: InstanceIdentity,
  objectKey: string,
) => Promise<string | undefined> {
  return async (instanceId, identity, objectKey) => {
    const known = await deps.studies.loadInstance(instanceId);
    if (
      known === undefined ||
      known.identity.StudyInstanceUID !== identity.StudyInstanceUID ||
      known.identity.TransferSyntaxUID !== identity.TransferSyntaxUID
    ) {
      return undefined;
    }
    const [first, second] = [deps.objects.path(known.objectKey), deps.objects.path(objectKey)];
    return (await haveSameDataSet(first, second)) ? known.studyId : undefined;
  };
}

async function haveSameDataSet(firstPath: string, secondPath: string): Promise<boolean> {
  const first = await open(firstPath, 'r');
  try {
    const second = await open(secondPath, 'r');
    try {
      return await compare(first, second);
    } finally {
      await second.close();
    }
  } finally {
    await first.close();
  }
}

async function compare(first: FileHandle, second: FileHandle): Promise<boolean> {
  const [from, to] = [await dataSetOffset(first), await dataSetOffset(second)];
  const length = (await first.stat()).size - from;
  if (length !== (await second.stat()).size - to) {
    return false;
  }
  for (let at = 0; at < length; at += BLOCK_BYTES) {
    const size = Math.min(BLOCK_BYTES, length - at);
    const blocks = await Promise.all([read(first, from + at, size), read(second, to + at, size)]);
    if (!blocks[0].equals(blocks[1])) {
      return false;
    }
  }
  return true;
}

async function dataSetOffset(file: FileHandle): Promise<number> {
  return findDataSet(await read(file, 0, META_BYTES), false)?.offset ?? 0;
}

async function read(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, at);
  return buffer.subarray(0, bytesRead);
}

import type { InstanceIdentity } from '../../core/dicom/instance-header.js';
import type { ObjectStore, OpenFile } from '../../core/storage/object-store.js';
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
  readonly objects: Pick<ObjectStore, 'path' | 'open'>;
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
    return (await haveSameDataSet(deps.objects, first, second)) ? known.studyId : undefined;
  };
}

async function haveSameDataSet(
  objects: Pick<ObjectStore, 'open'>,
  firstPath: string,
  secondPath: string,
): Promise<boolean> {
  const first = await objects.open(firstPath);
  try {
    const second = await objects.open(secondPath);
    try {
      return await compare(first, second);
    } finally {
      await second.close();
    }
  } finally {
    await first.close();
  }
}

async function compare(first: OpenFile, second: OpenFile): Promise<boolean> {
  const [from, to] = [await dataSetOffset(first), await dataSetOffset(second)];
  const length = (await first.sizeBytes()) - from;
  if (length !== (await second.sizeBytes()) - to) {
    return false;
  }
  for (let at = 0; at < length; at += BLOCK_BYTES) {
    const size = Math.min(BLOCK_BYTES, length - at);
    const blocks = await Promise.all([first.read(from + at, size), second.read(to + at, size)]);
    if (!blocks[0].equals(blocks[1])) {
      return false;
    }
  }
  return true;
}

async function dataSetOffset(file: OpenFile): Promise<number> {
  return findDataSet(await file.read(0, META_BYTES), false)?.offset ?? 0;
}

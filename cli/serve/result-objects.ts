import { readSourceStudy } from '../../adapters/dicom/read-source-study.js';
import {
  buildResultObjects,
  type ObjectsOptions,
} from '../../adapters/dicom/results/build-result-objects.js';
import { analysedImages } from '../../core/delivery/dicom/result-object.js';
import type { BuildObjects, ReadSource } from '../../core/delivery/result-objects.js';
import { PipelineError } from '../../core/errors.js';
import type { ObjectStore } from '../../core/storage/object-store.js';
import type { StudyStore } from '../../core/storage/study-store.js';

export interface ResultObjectsDeps {
  readonly store: Pick<StudyStore, 'loadStudy' | 'loadResult'>;
  readonly objects: Pick<ObjectStore, 'path'>;
}

/** What destinations that speak of the patient need: read from the stored images when it is sent. */
export function createResultObjects({ store, objects }: ResultObjectsDeps): {
  readonly readSource: ReadSource;
  readonly buildObjects: (options: ObjectsOptions) => BuildObjects;
} {
  async function pathsOf(studyId: string): Promise<ReadonlyMap<string, string>> {
    const study = await store.loadStudy(studyId);
    return new Map(
      study?.instances.map(({ identity, objectKey }) => [
        identity.SOPInstanceUID,
        objects.path(objectKey),
      ]),
    );
  }

  const readSource: ReadSource = async ({ studyId, result }) => {
    const paths = await pathsOf(studyId);
    const image = analysedImages(result)[0] ?? result.instances[0];
    const path = image && paths.get(image.SOPInstanceUID);
    if (path === undefined) {
      throw new PipelineError('delivery-rejected', 'the images of the result are no longer stored');
    }
    return readSourceStudy(path);
  };

  return {
    readSource,
    buildObjects: (options) => async (delivery) => {
      const { studyId, result } = delivery;
      const paths = await pathsOf(studyId);
      const predecessor =
        result.amends === undefined ? undefined : await store.loadResult(studyId, result.amends);
      const input = {
        result,
        source: await readSource(delivery),
        predecessorAssembledAt: predecessor?.assembledAt,
        utcOffsetMinutes: (epochMs: number) => -new Date(epochMs).getTimezoneOffset(),
      };
      return buildResultObjects(input, (SOPInstanceUID) => paths.get(SOPInstanceUID), options);
    },
  };
}

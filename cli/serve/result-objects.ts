import { readSourceStudy } from '../../adapters/dicom/read-source-study.js';
import {
  buildResultObjects,
  type ObjectsOptions,
} from '../../adapters/dicom/results/build-result-objects.js';
import { analysedImages } from '../../core/delivery/dicom/result-object.js';
import type { BuildObjects, FindSource, ReadSource } from '../../core/delivery/result-objects.js';
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
  readonly findSource: FindSource;
  readonly buildObjects: (options: ObjectsOptions) => BuildObjects;
} {
  async function pathsOf(studyId: string): Promise<ReadonlyMap<string, string>> {
    const study = await store.loadStudy(studyId);
    const kept = study?.instances.filter(({ purgedAtMs }) => purgedAtMs === undefined) ?? [];
    return new Map(
      kept.map(({ identity, objectKey }) => [identity.SOPInstanceUID, objects.path(objectKey)]),
    );
  }

  const findSource: FindSource = async ({ studyId, result }) => {
    const paths = await pathsOf(studyId);
    const path = [...analysedImages(result), ...result.instances]
      .map(({ SOPInstanceUID }) => paths.get(SOPInstanceUID))
      .find((one) => one !== undefined);
    return path === undefined ? undefined : readSourceStudy(path);
  };

  const readSource: ReadSource = async (of) => {
    const source = await findSource(of);
    if (source === undefined) {
      throw new PipelineError('delivery-rejected', 'the images of the result are no longer stored');
    }
    return source;
  };

  return {
    readSource,
    findSource,
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

import { readSourceStudy } from '../../adapters/dicom/read-source-study.js';
import type { ShownPicture } from '../../adapters/dicom/rendering/image-task.js';
import {
  buildResultObjects,
  type DrawPage,
  type ObjectsOptions,
} from '../../adapters/dicom/results/build-result-objects.js';
import { blankPage, drawSummaryPage } from '../../adapters/dicom/results/summary-page.js';
import { analysedImages, type ResultObjectFile } from '../../core/delivery/dicom/result-object.js';
import type { SourceStudy } from '../../core/delivery/dicom/source-study.js';
import {
  READABLE_OBJECTS,
  type BuildObjects,
  type FindSource,
  type ReadableObjects,
  type ReadSource,
  type ResultOfStudy,
} from '../../core/delivery/result-objects.js';
import { PipelineError } from '../../core/errors.js';
import type { ObjectStore } from '../../core/storage/object-store.js';
import type { StudyStore } from '../../core/storage/study-store.js';

export type ObjectsForm = Omit<ObjectsOptions, 'objects'>;

export interface ResultObjectsDeps {
  readonly store: Pick<StudyStore, 'loadStudy' | 'loadResult'>;
  readonly objects: Pick<ObjectStore, 'path' | 'guarded'>;
}

/** What destinations that speak of the patient need: read from the stored images when it is sent. */
export function createResultObjects({ store, objects }: ResultObjectsDeps): {
  readonly readSource: ReadSource;
  readonly findSource: FindSource;
  readonly buildObjects: (options: ObjectsOptions) => BuildObjects;
  /**
   * @param formOfObjects the form in which they are shown at the moment
   * @param readPicture decodes a stored image for the summary page
   */
  readonly readable: (
    formOfObjects: () => Promise<ObjectsForm>,
    readPicture: (path: string) => Promise<ShownPicture>,
  ) => ReadableObjects;
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
    return path === undefined ? undefined : objects.guarded(() => readSourceStudy(path));
  };

  const readSource: ReadSource = async (of) => {
    const source = await findSource(of);
    if (source === undefined) {
      throw new PipelineError('delivery-rejected', 'the images of the result are no longer stored');
    }
    return source;
  };

  async function build(
    of: ResultOfStudy,
    source: SourceStudy,
    options: ObjectsOptions,
    drawPage?: DrawPage,
  ): Promise<readonly ResultObjectFile[]> {
    const { studyId, result } = of;
    const paths = await pathsOf(studyId);
    const predecessor =
      result.amends === undefined ? undefined : await store.loadResult(studyId, result.amends);
    const input = {
      result,
      source,
      predecessorAssembledAt: predecessor?.assembledAt,
      utcOffsetMinutes: (epochMs: number) => -new Date(epochMs).getTimezoneOffset(),
    };
    return buildResultObjects(
      input,
      { pathOf: (SOPInstanceUID) => paths.get(SOPInstanceUID), guarded: objects.guarded },
      options,
      drawPage,
    );
  }

  return {
    readSource,
    findSource,
    buildObjects: (options) => async (of) => build(of, await readSource(of), options),
    readable: (formOfObjects, readPicture) => ({
      async outline(of) {
        const source = await findSource(of);
        const objects = READABLE_OBJECTS;
        return source === undefined
          ? []
          : build(of, source, { ...(await formOfObjects()), objects }, () =>
              Promise.resolve(blankPage()),
            );
      },
      async summaryPage(of) {
        const options = { ...(await formOfObjects()), objects: ['sc'] } as const;
        const drawPage: DrawPage = async (result, path, language) =>
          drawSummaryPage(result, await readPicture(path), language);
        const [page] = await build(of, await readSource(of), options, drawPage);
        return page;
      },
    }),
  };
}

import type { ResultObject } from '../../../core/delivery/destination.js';
import { buildKeyObject } from '../../../core/delivery/dicom/key-object.js';
import {
  analysedImages,
  type ResultObjectFile,
  type ResultObjectInput,
} from '../../../core/delivery/dicom/result-object.js';
import { buildSecondaryCapture } from '../../../core/delivery/dicom/secondary-capture.js';
import {
  buildStructuredReport,
  type SrKind,
} from '../../../core/delivery/dicom/structured-report.js';
import { drawSummaryPage, type PageLanguage } from './summary-page.js';
import { readGreyPicture } from './thumbnail.js';

export interface ObjectsOptions {
  readonly objects: readonly ResultObject[];
  readonly report: SrKind;
  readonly language: PageLanguage;
}

/** The objects of a result that a destination wants, in the order in which it wants them. */
export async function buildResultObjects(
  input: ResultObjectInput,
  pathOf: (SOPInstanceUID: string) => string | undefined,
  options: ObjectsOptions,
): Promise<readonly ResultObjectFile[]> {
  const built: ResultObjectFile[] = [];
  for (const object of options.objects) {
    const file = await build(object);
    if (file !== undefined) {
      built.push(file);
    }
  }
  return built;

  async function build(object: ResultObject): Promise<ResultObjectFile | undefined> {
    switch (object) {
      case 'sr':
        return buildStructuredReport(input, options.report);
      case 'kos':
        return buildKeyObject(input);
      case 'sc': {
        const { result } = input;
        const shown =
          result.findings.find(({ flagged }) => flagged)?.SOPInstanceUID ??
          analysedImages(result)[0]?.SOPInstanceUID;
        const path = shown === undefined ? undefined : pathOf(shown);
        return path === undefined
          ? undefined
          : buildSecondaryCapture(
              input,
              await drawSummaryPage(result, await readGreyPicture(path), options.language),
            );
      }
    }
  }
}

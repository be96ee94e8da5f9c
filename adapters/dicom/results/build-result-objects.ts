import type { ResultObject } from '../../../core/delivery/destination.js';
import { buildKeyObject } from '../../../core/delivery/dicom/key-object.js';
import {
  buildPresentationState,
  type ResultInstance,
} from '../../../core/delivery/dicom/presentation-state.js';
import {
  analysedImages,
  flaggedImages,
  type ResultObjectFile,
  type ResultObjectInput,
} from '../../../core/delivery/dicom/result-object.js';
import {
  buildHeatMapPage,
  buildSummaryPage,
} from '../../../core/delivery/dicom/secondary-capture.js';
import type { PageOfImage, RgbPage } from '../../../core/delivery/dicom/secondary-capture.js';
import {
  buildStructuredReport,
  type SrKind,
} from '../../../core/delivery/dicom/structured-report.js';
import { assertNever } from '../../../core/errors.js';
import type { Guarded } from '../../../core/storage/object-store.js';
import type { StudyResult } from '../../../core/results/study-result.js';
import { readBurnedInAnnotation, readSourcePixels } from '../read-source-study.js';
import { drawHeatMapPage } from './heat-map-page.js';
import { drawSummaryPage, type PageLanguage } from './summary-page.js';
import { readShownPicture } from './read-picture.js';

export interface ObjectsOptions {
  readonly objects: readonly ResultObject[];
  readonly report: SrKind;
  readonly language: PageLanguage;
}

/** Where the stored images are, and how their files are read. */
export interface StoredImages {
  readonly pathOf: (SOPInstanceUID: string) => string | undefined;
  readonly guarded: Guarded;
}

/** Draws the summary page of a result from the image at that path. */
export type DrawPage = (
  result: StudyResult,
  path: string,
  language: PageLanguage,
) => Promise<RgbPage>;

/** The objects of a result that a destination wants, in the order in which it wants them. */
export async function buildResultObjects(
  input: ResultObjectInput,
  { pathOf, guarded }: StoredImages,
  options: ObjectsOptions,
  drawPage: DrawPage = async (result, path, language) =>
    drawSummaryPage(result, await readShownPicture(path, guarded), language),
): Promise<readonly ResultObjectFile[]> {
  const built: ResultObjectFile[] = [];
  for (const object of options.objects) {
    const files = await build(object);
    built.push(...files.filter((file) => file !== undefined));
  }
  return built;

  async function build(object: ResultObject): Promise<readonly (ResultObjectFile | undefined)[]> {
    switch (object) {
      case 'sr':
        return [buildStructuredReport(input, options.report)];
      case 'kos':
        return [buildKeyObject(input)];
      case 'sc':
        return [await buildSummary()];
      case 'gsps':
        return Promise.all(flaggedImages(input.result).map(buildPresentation));
      case 'heatmap':
        return (await Promise.all(flaggedImages(input.result).map(buildHeatMaps))).flat();
      default:
        return assertNever(object);
    }
  }

  async function buildSummary(): Promise<ResultObjectFile | undefined> {
    const { result } = input;
    const shown =
      result.findings.find(({ flagged }) => flagged)?.SOPInstanceUID ??
      analysedImages(result)[0]?.SOPInstanceUID;
    const path = shown === undefined ? undefined : pathOf(shown);
    if (path === undefined) {
      return undefined;
    }
    const page = await drawPage(result, path, options.language);
    return buildSummaryPage(input, { ...page, ...(await pageFacts(path)) });
  }

  /** None where the image has no maps, or is no longer stored. */
  async function buildHeatMaps(image: ResultInstance): Promise<readonly ResultObjectFile[]> {
    const path = pathOf(image.SOPInstanceUID);
    const { outcome } = image;
    if (path === undefined || outcome.kind !== 'scored' || !outcome.heatMaps?.length) {
      return [];
    }
    const shown = await readShownPicture(path, guarded);
    const facts = await pageFacts(path);
    const pages: ResultObjectFile[] = [];
    for (const record of outcome.heatMaps) {
      const finding = outcome.findings.find(({ key }) => key === record.finding);
      if (finding !== undefined) {
        const page = await drawHeatMapPage(finding, outcome.model, record, shown, options.language);
        pages.push(buildHeatMapPage(input, { ...page, ...facts }, image, record.finding));
      }
    }
    return pages;
  }

  async function pageFacts(path: string): Promise<Omit<PageOfImage, keyof RgbPage>> {
    const BurnedInAnnotation = await guarded(() => readBurnedInAnnotation(path));
    return { BurnedInAnnotation, language: options.language };
  }

  async function buildPresentation(image: ResultInstance): Promise<ResultObjectFile | undefined> {
    const path = pathOf(image.SOPInstanceUID);
    return path === undefined
      ? undefined
      : buildPresentationState(input, image, await guarded(() => readSourcePixels(path)));
  }
}

import { empty, sequence, text, uint16 } from '../../dicom/elements.js';
import { dcm } from './codes.js';
import type { StudyResult } from '../../results/study-result.js';
import { codeItem, imageItem } from './content-tree.js';
import {
  analysedImages,
  analysisStartMs,
  contentQualification,
  encodeObject,
  localDateTime,
  modelText,
  type ObjectDescription,
  type ResultObjectFile,
  type ResultObjectInput,
} from './result-object.js';
import { SENT_SOP_CLASSES } from './sent-sop-classes.js';

/** A drawn page. Shape: [height, width, 3], row-major, 8-bit RGB. */
export interface RgbPage {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** A page and what is known of the image on it. */
export interface PageOfImage extends RgbPage {
  /** Of the image: whether its pixels name the patient. Undefined when its header does not say. */
  readonly BurnedInAnnotation: 'YES' | 'NO' | undefined;
  /** RFC 5646. Pages that differ in it are different objects, so their UIDs differ. */
  readonly language: string;
}

/** The summary page, for viewers that cannot show a structured report. */
export function buildSummaryPage(input: ResultObjectInput, page: PageOfImage): ResultObjectFile {
  const description = {
    kind: 'sc',
    SeriesNumber: 9002,
    SeriesDescription: 'AI pre-read summary, not for diagnosis',
    about: page.language,
  } as const;
  return buildSecondaryCapture(input, page, description, analysedImages(input.result));
}

/** Where the score of one finding in one image came from, as a page of its own. */
export function buildHeatMapPage(
  input: ResultObjectInput,
  page: PageOfImage,
  image: StudyResult['instances'][number],
  finding: string,
): ResultObjectFile {
  const description = {
    kind: 'heatmap',
    SeriesNumber: 9005,
    SeriesDescription: 'AI pre-read heat map, not for diagnosis',
    about: `${image.SOPInstanceUID} ${finding} ${page.language}`,
  } as const;
  return buildSecondaryCapture(input, page, description, [image]);
}

/** Sources: PS3.3 A.8.1, C.8.6. */
function buildSecondaryCapture(
  input: ResultObjectInput,
  page: PageOfImage,
  description: Omit<ObjectDescription, 'SOPClassUID' | 'Modality'>,
  sources: StudyResult['instances'],
): ResultObjectFile {
  const { result } = input;
  const { date, time } = localDateTime(input, analysisStartMs(result));
  return encodeObject(
    input,
    {
      ...description,
      SOPClassUID: SENT_SOP_CLASSES.secondaryCaptureImage,
      Modality: 'OT',
    },
    [
      text(0x00080008, 'CS', 'DERIVED', 'SECONDARY', 'OTHER'),
      text(0x00080023, 'DA', date),
      text(0x00080033, 'TM', time),
      text(0x00080064, 'CS', 'SYN'),
      contentQualification(),
      text(
        0x00082111,
        'ST',
        `AI pre-read of ${modelText(result, (m) => `${m.name} ${m.version}`)}`,
      ),
      sequence(
        0x00082112,
        ...sources.map((image) => [
          ...imageItem(image),
          sequence(
            0x0040a170,
            codeItem(dcm('121322', 'Source image for image processing operation')),
          ),
        ]),
      ),
      text(0x00180015, 'CS', 'CHEST'),
      text(0x00181012, 'DA', date),
      text(0x00181014, 'TM', time),
      empty(0x00200020, 'CS'),
      uint16(0x00280002, 3),
      text(0x00280004, 'CS', 'RGB'),
      uint16(0x00280006, 0),
      uint16(0x00280010, page.height),
      uint16(0x00280011, page.width),
      uint16(0x00280100, 8),
      uint16(0x00280101, 8),
      uint16(0x00280102, 7),
      uint16(0x00280103, 0),
      // Our own words name no patient; the image on the page may.
      ...(page.BurnedInAnnotation === undefined
        ? []
        : [text(0x00280301, 'CS', page.BurnedInAnnotation)]),
      { tag: 0x7fe00010, vr: 'OB', value: page.pixels },
    ],
  );
}

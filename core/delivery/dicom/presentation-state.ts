import {
  empty,
  float32,
  int32,
  sequence,
  text,
  uint16,
  type DataElement,
} from '../../dicom/elements.js';
import type { LookupTable, PixelHeader, VoiWindow } from '../../dicom/instance-header.js';
import { isInverted } from '../../imaging/presentation.js';
import type { StudyResult } from '../../results/study-result.js';
import { decimalString, imageItem } from './content-tree.js';
import {
  encodeObject,
  localDateTime,
  type ResultObjectFile,
  type ResultObjectInput,
} from './result-object.js';
import { SENT_SOP_CLASSES } from './sent-sop-classes.js';

const LAYER = 'AI_PREREAD';
/** Unformatted Text Value is ST; the report has what does not fit. */
const MAX_TEXT = 1024;

export type ResultInstance = StudyResult['instances'][number];

/**
 * A Grayscale Softcopy Presentation State that writes over an image that it is flagged, and for what;
 * undefined for colour, which this object cannot present. It marks no place in the image: the model is not
 * made to point at one.
 *
 * A presentation state replaces the image's own transformations, so they are written into it: the image
 * looks as it does without. Sources: PS3.3 A.33.1, C.10.5, C.10.7, C.11.8 to C.11.11; PS3.4 N.2.
 */
export function buildPresentationState(
  input: ResultObjectInput,
  image: ResultInstance,
  header: PixelHeader,
): ResultObjectFile | undefined {
  if (header.SamplesPerPixel !== 1) {
    return undefined;
  }
  const { date, time } = localDateTime(input, Date.parse(input.result.assembledAt));
  return encodeObject(
    input,
    {
      kind: 'gsps',
      SOPClassUID: SENT_SOP_CLASSES.grayscaleSoftcopyPresentationState,
      Modality: 'PR',
      SeriesNumber: 9004,
      SeriesDescription: 'AI pre-read: flagged image, not for diagnosis',
      about: image.SOPInstanceUID,
    },
    [
      sequence(0x00081115, [
        text(0x0020000e, 'UI', image.SeriesInstanceUID),
        sequence(0x00081140, imageItem(image)),
      ]),
      text(0x00180015, 'CS', 'CHEST'),
      ...annotation(image),
      displayedArea(image, header),
      text(0x00700080, 'CS', LAYER),
      text(0x00700081, 'LO', 'AI pre-read: flagged image'),
      text(0x00700082, 'DA', date),
      text(0x00700083, 'TM', time),
      // No person has made it; Contributing Equipment says what did.
      empty(0x00700084, 'PN'),
      ...modality(header),
      ...voi(header),
      text(0x20500020, 'CS', isInverted(header) ? 'INVERSE' : 'IDENTITY'),
    ],
  );
}

/** One line of text at the top of the picture, in a layer of its own that a viewer can switch off. */
function annotation(image: ResultInstance): DataElement[] {
  const findings = image.outcome.kind === 'scored' ? image.outcome.findings : [];
  const names = findings.filter(({ flagged }) => flagged).map(({ display }) => display.en);
  const words = `AI pre-read flagged: ${names.join(', ')}. Not a diagnosis.`;
  return [
    sequence(0x00700001, [
      sequence(0x00081140, imageItem(image)),
      text(0x00700002, 'CS', LAYER),
      sequence(0x00700008, [
        text(0x00700003, 'CS', 'DISPLAY'),
        text(0x00700006, 'ST', words.slice(0, MAX_TEXT)),
        float32(0x00700010, 0.02, 0.02),
        float32(0x00700011, 0.98, 0.08),
        text(0x00700012, 'CS', 'LEFT'),
      ]),
    ]),
    sequence(0x00700060, [
      text(0x00700002, 'CS', LAYER),
      text(0x00700062, 'IS', '1'),
      text(0x00700068, 'LO', 'AI pre-read, not for diagnosis'),
    ]),
  ];
}

/** The whole image, as large as the window. */
function displayedArea(
  image: ResultInstance,
  { Rows, Columns, pixelAspectRatio }: PixelHeader,
): DataElement {
  return sequence(0x0070005a, [
    sequence(0x00081140, imageItem(image)),
    int32(0x00700052, 1, 1),
    int32(0x00700053, Columns, Rows),
    text(0x00700100, 'CS', 'SCALE TO FIT'),
    text(0x00700102, 'IS', ...aspectRatio(pixelAspectRatio)),
  ]);
}

/** Vertical and horizontal size of a pixel as whole numbers. */
function aspectRatio(ratio: number): [string, string] {
  return ratio === 1 ? ['1', '1'] : [String(Math.round(ratio * 10_000)), '10000'];
}

function modality({ modalityLut, RescaleIntercept, RescaleSlope }: PixelHeader): DataElement[] {
  return modalityLut === undefined
    ? [
        text(0x00281052, 'DS', decimalString(RescaleIntercept)),
        text(0x00281053, 'DS', decimalString(RescaleSlope)),
        text(0x00281054, 'LO', 'US'),
      ]
    : [sequence(0x00283000, [...lookupTable(modalityLut), text(0x00283004, 'LO', 'US')])];
}

/** As the image is shown without: its VOI LUT before its windows. */
function voi({ voiLut, windows }: PixelHeader): DataElement[] {
  if (voiLut !== undefined) {
    return [sequence(0x00283110, [sequence(0x00283010, lookupTable(voiLut))])];
  }
  const [window] = windows;
  return window === undefined ? [] : [sequence(0x00283110, windowItem(window))];
}

function windowItem(window: VoiWindow): DataElement[] {
  return [
    text(0x00281050, 'DS', decimalString(window.center)),
    text(0x00281051, 'DS', decimalString(window.width)),
    ...(window.function === 'LINEAR' ? [] : [text(0x00281056, 'CS', window.function)]),
  ];
}

function lookupTable({ firstMapped, bits, entries }: LookupTable): DataElement[] {
  const data = Buffer.alloc(2 * entries.length);
  entries.forEach((value, index) => data.writeUInt16LE(value, 2 * index));
  const descriptor = uint16(0x00283002, entries.length & 0xffff, firstMapped & 0xffff, bits);
  return [
    firstMapped < 0 ? { ...descriptor, vr: 'SS' } : descriptor,
    { tag: 0x00283006, vr: 'OW', value: data },
  ];
}

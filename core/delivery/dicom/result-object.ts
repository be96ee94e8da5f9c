import type { ResultObject } from '../destination.js';
import {
  IMPLEMENTATION_CLASS_UID,
  IMPLEMENTATION_VERSION_NAME,
} from '../../dicom/part10-header.js';
import { encodeDataSet, encodePart10, sequence, text } from '../../dicom/elements.js';
import type { DataElement } from '../../dicom/elements.js';
import { uidFromName } from '../../dicom/uid.js';
import type { DicomUid } from '../../dicom/uid.js';
import type { ModelProvenance } from '../../results/outcome.js';
import type { StudyResult } from '../../results/study-result.js';
import { dcm, LOCAL_SCHEME } from './codes.js';
import { codeItem, imageItem, type ImageReference } from './content-tree.js';
import type { SourceStudy } from './source-study.js';

export const EXPLICIT_VR_LITTLE_ENDIAN = '1.2.840.10008.1.2.1';
/** As in the files and associations of the storage service: one implementation, one name. */
export const IMPLEMENTATION = {
  ImplementationClassUID: IMPLEMENTATION_CLASS_UID,
  ImplementationVersionName: IMPLEMENTATION_VERSION_NAME,
} as const;
const MANUFACTURER = 'preread';

/** A finished object, ready to be sent: a Part 10 file. */
export interface ResultObjectFile {
  readonly kind: ResultObject;
  readonly SOPClassUID: string;
  readonly SOPInstanceUID: DicomUid;
  readonly bytes: Buffer;
}

/** What every object of a result is built from. */
export interface ResultObjectInput {
  readonly result: StudyResult;
  readonly source: SourceStudy;
  /** `assembledAt` of the version that this result amends; names the predecessors. */
  readonly predecessorAssembledAt: string | undefined;
  /**
   * Difference of the site's clock to UTC at a time, in minutes. Used when the images do not state theirs:
   * their dates and times are the site's, and ours stand beside them.
   */
  readonly utcOffsetMinutes: (epochMs: number) => number;
}

export interface ObjectDescription {
  readonly kind: ResultObjectFile['kind'];
  readonly SOPClassUID: string;
  readonly Modality: string;
  readonly SeriesNumber: number;
  readonly SeriesDescription: string;
  /** The image (and finding, and language) that it is about, where a result has an object for each. */
  readonly about?: string;
}

/**
 * The UID of an object: the same result gives the same UID on every attempt and machine, another version
 * another one.
 */
export function objectUid(
  kind: ResultObjectFile['kind'],
  result: Pick<StudyResult, 'StudyInstanceUID' | 'resultVersion' | 'assembledAt'>,
  about?: string,
): DicomUid {
  const { StudyInstanceUID, resultVersion, assembledAt } = result;
  const names = [kind, StudyInstanceUID, resultVersion, assembledAt];
  return uidFromName('preread', ...names, ...(about === undefined ? [] : [about]));
}

/**
 * What tells a reader's software that this is no cleared product. Of other modules than these objects have, so that they
 * are Standard Extended SOP Classes by it, as by our codes. Source: PS3.3 C.8.13.2.1.
 */
export function contentQualification(): DataElement {
  return text(0x00189004, 'CS', 'RESEARCH');
}

export function deviceUid({ name, version, sha256 }: ModelProvenance): DicomUid {
  return uidFromName('preread', 'device', name, version, sha256);
}

/** The images that were analysed, in the order of the result. */
export function analysedImages(result: StudyResult): StudyResult['instances'] {
  return result.instances.filter(({ outcome }) => outcome.kind === 'scored');
}

/** Images in which the model itself flags something. */
export function flaggedImages({ instances }: StudyResult): StudyResult['instances'] {
  return instances.filter(
    ({ outcome }) => outcome.kind === 'scored' && outcome.findings.some(({ flagged }) => flagged),
  );
}

/** Patient, General Study, Series, General Equipment, SOP Common: everything but the object's own modules. */
export function encodeObject(
  input: ResultObjectInput,
  description: ObjectDescription,
  own: readonly DataElement[],
): ResultObjectFile {
  const { result, source } = input;
  const { kind, SOPClassUID } = description;
  const SOPInstanceUID = objectUid(kind, result, description.about);
  const elements = [
    ...source.copied,
    ...own,
    text(0x00080016, 'UI', SOPClassUID),
    text(0x00080018, 'UI', SOPInstanceUID),
    text(0x00080060, 'CS', description.Modality),
    text(0x00080070, 'LO', MANUFACTURER),
    text(0x0008103e, 'LO', description.SeriesDescription),
    text(
      0x00081090,
      'LO',
      modelText(result, ({ name }) => name),
    ),
    text(0x00181020, 'LO', ...softwareVersions(result)),
    text(0x0020000e, 'UI', seriesUid(kind, result)),
    text(0x00200011, 'IS', String(description.SeriesNumber)),
    text(0x00200013, 'IS', String(result.resultVersion)),
    ...(result.models.length === 0
      ? []
      : [sequence(0x0018a001, ...result.models.map((model) => contributingEquipment(model)))]),
  ];
  const bytes = encodePart10(encodeDataSet(elements), {
    SOPClassUID,
    SOPInstanceUID,
    TransferSyntaxUID: EXPLICIT_VR_LITTLE_ENDIAN,
    ...IMPLEMENTATION,
  });
  return { kind, SOPClassUID, SOPInstanceUID, bytes };
}

/** Date and Time (DA, TM) of an instant on the clock that the images are in. */
export function localDateTime(
  { source, utcOffsetMinutes }: Pick<ResultObjectInput, 'source' | 'utcOffsetMinutes'>,
  epochMs: number,
): { readonly date: string; readonly time: string } {
  const stated = /^([+-])(\d\d)(\d\d)$/.exec(source.study.TimezoneOffsetFromUTC ?? '');
  const minutes = stated
    ? (stated[1] === '-' ? -1 : 1) * (Number(stated[2]) * 60 + Number(stated[3]))
    : utcOffsetMinutes(epochMs);
  const digits = new Date(epochMs + minutes * 60_000).toISOString().replace(/\D/g, '');
  return { date: digits.slice(0, 8), time: digits.slice(8, 14) };
}

/** When the first image was looked at; the assembly when none was. */
export function analysisStartMs(result: StudyResult): number {
  const starts = result.instances.flatMap(({ timestamps }) => timestamps.inferStart ?? []);
  return Date.parse(starts.sort()[0] ?? result.assembledAt);
}

/** The images by study and series, as evidence sequences list them. Source: PS3.3 C.17.2. */
export function evidenceItem(
  StudyInstanceUID: string,
  references: readonly (ImageReference & { readonly SeriesInstanceUID: string })[],
): DataElement[] {
  const series = new Map<string, ImageReference[]>();
  for (const reference of references) {
    const images = series.get(reference.SeriesInstanceUID) ?? [];
    series.set(reference.SeriesInstanceUID, [...images, reference]);
  }
  return [
    sequence(
      0x00081115,
      ...[...series].map(([SeriesInstanceUID, images]) => [
        sequence(0x00081199, ...images.map(imageItem)),
        text(0x0020000e, 'UI', SeriesInstanceUID),
      ]),
    ),
    text(0x0020000d, 'UI', StudyInstanceUID),
  ];
}

/** Names our local codes. Source: PS3.3 C.12.1. */
export function codingSchemes(): DataElement {
  return sequence(0x00080110, [
    text(0x00080102, 'SH', LOCAL_SCHEME),
    text(0x00080115, 'ST', 'preread local codes'),
    text(0x00080116, 'ST', 'preread'),
  ]);
}

export function seriesUid(kind: ResultObjectFile['kind'], result: StudyResult): DicomUid {
  const models = result.models.map(({ name, version }) => `${name} ${version}`);
  return uidFromName('preread', 'series', kind, result.StudyInstanceUID, ...models);
}

export function modelText(
  { models }: StudyResult,
  say: (model: ModelProvenance) => string,
): string {
  return (models.map(say).join(', ') || 'no model').slice(0, 64);
}

function softwareVersions({ software, models }: StudyResult): string[] {
  return [
    `${software.name} ${software.version}`,
    ...models.map(({ name, version }) => `${name} ${version}`),
  ].map((version) => version.slice(0, 64));
}

/** Source: IHE AIR 6.5.3; PS3.3 C.12.1. */
function contributingEquipment(model: ModelProvenance): DataElement[] {
  return [
    text(0x00080070, 'LO', MANUFACTURER),
    text(0x00081090, 'LO', model.name.slice(0, 64)),
    text(0x00181000, 'LO', model.sha256.slice(0, 64)),
    text(0x00181002, 'UI', deviceUid(model)),
    text(0x00181020, 'LO', model.version.slice(0, 64)),
    sequence(0x0040a170, codeItem(dcm('109102', 'Processing Equipment'))),
  ];
}

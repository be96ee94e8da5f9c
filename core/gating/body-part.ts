import type { InstanceHeader } from '../dicom/instance-header.js';

/** `unknown`: nothing is stated, or in words that we do not know. */
export const BODY_PARTS = ['chest', 'other', 'unknown'] as const;
export type BodyPart = (typeof BODY_PARTS)[number];

/**
 * Real values are `CHEST`, `PORTABLE CHEST`, `NON GRID CHEST`, `RIBCAGE`, `TORAX`. A chest that somebody
 * labelled as ribs is still a chest: refusing it would cost a pre-read, analysing ribs costs nothing.
 */
const CHEST = /CHEST|THORAX|TORAX|LUNG|PULMO|\bRIB|NGUC|\bCXR\b/;

/** Parts that are plainly another examination. Source: PS3.16 Annex L, and real headers' spellings. */
const OTHER = new RegExp(
  [
    'ABDOM|ANKLE|\\bARM\\b|BLADDER|BREAST|CALCANEUS|CERVICAL|CLAVICLE|COCCYX|COLON|ELBOW|EXTREM[IE]TY',
    'FACIAL|FEMUR|FIBULA|FINGER|FOOT|\\bFEET\\b|FOREARM|HAND|HEAD|\\bHEEL\\b|\\bHIPS?\\b|HUMERUS|JAW|KNEE|KUB',
    '\\bLEGS?\\b|LUMBAR|MANDIBLE|NASAL|NECK|ORBIT|PATELLA|PELVIS|SACRUM|SCAPULA|SHOULDER|SINUS|SKULL',
    'SPINE|TEETH|THIGH|THUMB|TIBIA|\\bTOES?\\b|ULNA|RADIUS|WRIST|ZYGOMA',
  ].join('|'),
);

/** Anatomic Region codes of the chest. Source: PS3.16 CID 4, CID 4009 and their retired SRT codes. */
const CHEST_CODES: ReadonlySet<string> = new Set([
  '816094009', // chest
  '51185008', // thorax
  '39607008', // lung
  '113197003', // rib
  'T-D3000',
  'T-28000',
  'T-11300',
]);

/** The body part of Body Part Examined, else of Anatomic Region Sequence. */
export function bodyPartOf(header: InstanceHeader): BodyPart {
  const { BodyPartExamined, AnatomicRegionCodes } = header;
  if (BodyPartExamined !== undefined) {
    return byText(BodyPartExamined);
  }
  return AnatomicRegionCodes.some((code) => CHEST_CODES.has(code)) ? 'chest' : 'unknown';
}

/** What the descriptions of the series name; they are free text and never decide. */
export function describedBodyPart(header: InstanceHeader): BodyPart {
  return byText([header.SeriesDescription, header.ProtocolName].join(' '));
}

function byText(text: string): BodyPart {
  const words = text.toUpperCase().replaceAll('_', ' ');
  if (CHEST.test(words)) {
    return 'chest';
  }
  return OTHER.test(words) ? 'other' : 'unknown';
}

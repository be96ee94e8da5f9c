import type { InstanceHeader } from '../dicom/instance-header.js';

/** `unknown`: no attribute says, or two contradict each other. */
export const VIEWS = ['frontal', 'not-frontal', 'unknown'] as const;
export type View = (typeof VIEWS)[number];

export interface ViewFinding {
  readonly view: View;
  /** Which attribute answered; `contradiction` when two did differently, undefined when none did. */
  readonly source: ViewSource | 'contradiction' | undefined;
  /** The row direction points to the patient's right: the image is shown mirrored. */
  readonly mirrored: boolean;
}

export type ViewSource =
  'ViewPosition' | 'ViewCodeSequence' | 'PatientOrientation' | 'SeriesDescription';

type Answer = Exclude<View, 'unknown'> | undefined;

const FRONTAL_WORDS: ReadonlySet<string> = new Set(['PA', 'AP', 'FRONTAL']);
/** Laterals, obliques and decubitus views by the words that real headers use. PS3.3 C.8.1.2.1 and vendors. */
const OTHER_WORDS: ReadonlySet<string> = new Set(
  (
    'LL RL LAT LATERAL LLAT RLAT LLO RLO OBL OBLIQUE LAO RAO LPO RPO ' +
    'LLD RLD DECUB DECUBITUS AXIAL'
  ).split(' '),
);

/** CID 4010 View Codes: SNOMED CT and the retired SRT and SNM3 codes. */
const FRONTAL_CODES: ReadonlySet<string> = new Set([
  '272479007', // postero-anterior
  '399348003', // antero-posterior
  '399033003', // frontal
  'R-10214',
  'R-10206',
]);
const OTHER_CODES: ReadonlySet<string> = new Set([
  '399067008', // lateral
  '399173006', // left lateral
  '399198007', // right lateral
  'R-10236',
]);

/**
 * Whether an image is a frontal view, from four attributes in the order of their reliability. The first
 * that answers wins, unless a later one contradicts it: View Position is empty in a third of real headers
 * and wrong in some, and study texts name both views of an examination.
 */
export function viewOf(header: InstanceHeader): ViewFinding {
  const answers: readonly (readonly [ViewSource, Answer])[] = [
    ['ViewPosition', byWords(header.ViewPosition)],
    ['ViewCodeSequence', byCodes(header.ViewCodes)],
    ['PatientOrientation', byOrientation(header.PatientOrientation)],
    ['SeriesDescription', byTexts(header)],
  ];
  const given = answers.filter(([, answer]) => answer !== undefined);
  const mirrored = header.PatientOrientation[0]?.toUpperCase().startsWith('R') ?? false;
  const [first] = given;
  if (first?.[1] === undefined) {
    return { view: 'unknown', source: undefined, mirrored };
  }
  const [source, answer] = first;
  return given.every(([, other]) => other === answer)
    ? { view: answer, source, mirrored: mirrored && answer === 'frontal' }
    : { view: 'unknown', source: 'contradiction', mirrored };
}

/** Words that say both (`PA AND LAT`) say nothing about this image. */
function byWords(text: string | undefined): Answer {
  const words = text?.toUpperCase().match(/[A-Z]+/g) ?? [];
  const frontal = words.some((word) => FRONTAL_WORDS.has(word));
  const other = words.some((word) => OTHER_WORDS.has(word));
  if (frontal === other) {
    return undefined;
  }
  return frontal ? 'frontal' : 'not-frontal';
}

function byCodes(codes: readonly string[]): Answer {
  const frontal = codes.some((code) => FRONTAL_CODES.has(code));
  const other = codes.some((code) => OTHER_CODES.has(code));
  if (frontal === other) {
    return undefined;
  }
  return frontal ? 'frontal' : 'not-frontal';
}

/** Directions of the rows and of the columns (PS3.3 C.7.6.1.1.1): left to right across a frontal view. */
function byOrientation([rows]: readonly string[]): Answer {
  const direction = rows?.[0]?.toUpperCase();
  if (direction === 'L' || direction === 'R') {
    return 'frontal';
  }
  return direction === 'A' || direction === 'P' ? 'not-frontal' : undefined;
}

/** Descriptions can only confirm a frontal view: `Chest PA and Lateral` stands on both images. */
function byTexts(header: InstanceHeader): Answer {
  const answer = byWords(
    [
      header.SeriesDescription,
      header.ProtocolName,
      header.AcquisitionDeviceProcessingDescription,
    ].join(' '),
  );
  return answer === 'frontal' ? 'frontal' : undefined;
}

import type { InstanceHeader, PixelHeader } from '../dicom/instance-header.js';
import { ACCEPTED_SOP_CLASSES, isAcceptedSopClass } from '../dicom/sop-classes.js';
import type { NotAnalysedReason } from '../results/outcome.js';
import { NOT_ANALYSED } from '../results/outcome.js';
import { bodyPartOf, describedBodyPart } from './body-part.js';
import type { GatePolicy } from './gate-policy.js';
import type { GateResult } from './gate.js';
import { viewOf } from './view.js';

const RADIOGRAPHY_MODALITIES: ReadonlySet<string | undefined> = new Set(['CR', 'DX']);

/** Longer over shorter side from which an image is warned of. */
const MAX_ASPECT = 2;

type Verdict = Omit<GateResult, 'gate'>;
type Gate<Input> = readonly [name: string, check: (input: Input, policy: GatePolicy) => Verdict];

const NOTHING_ALLOWED: ReadonlyMap<string, string> = new Map();
const PASS: Verdict = { verdict: 'pass' };

/** In order; the first refusal is the outcome. They need no pixels and no Image Pixel module. */
const HEADER_GATES: readonly Gate<InstanceHeader>[] = [
  ['sop-class', checkSopClass],
  ['presentation-intent', checkPresentationIntent],
  ['modality', checkModality],
  ['body-part', checkBodyPart],
  ['view', checkView],
  ['age', checkAge],
];

/** What the Image Pixel module says, before anything is decoded. */
const PIXEL_HEADER_GATES: readonly Gate<PixelHeader>[] = [
  ['frames', checkFrames],
  ['colour', checkColour],
  ['size', checkSize],
  ['aspect', checkAspect],
];

/**
 * The results up to and with the first refusal. `allowed` has the gates whose refusal a rule of the site
 * makes a warning, with what it says; raw detector data is refused all the same.
 */
export function runHeaderGates(
  header: InstanceHeader,
  policy: GatePolicy,
  allowed: ReadonlyMap<string, string> = NOTHING_ALLOWED,
): GateResult[] {
  return run(HEADER_GATES, header, policy, allowed);
}

/** The results up to and with the first refusal. */
export function runPixelHeaderGates(pixels: PixelHeader, policy: GatePolicy): GateResult[] {
  return run(PIXEL_HEADER_GATES, pixels, policy, NOTHING_ALLOWED);
}

function run<Input>(
  gates: readonly Gate<Input>[],
  input: Input,
  policy: GatePolicy,
  allowed: ReadonlyMap<string, string>,
): GateResult[] {
  const results: GateResult[] = [];
  for (const [gate, check] of gates) {
    const verdict = check(input, policy);
    const because = verdict.reason === 'for-processing' ? undefined : allowed.get(gate);
    const result: GateResult =
      verdict.verdict === 'refuse' && because !== undefined
        ? { gate, ...warn(`${verdict.detail ?? ''} Analysed all the same: ${because}`.trim()) }
        : { gate, ...verdict };
    results.push(result);
    if (result.verdict === 'refuse') {
      break;
    }
  }
  return results;
}

function checkSopClass(header: InstanceHeader, policy: GatePolicy): Verdict {
  const uid: string | undefined = header.SOPClassUID;
  const use =
    uid !== undefined && isAcceptedSopClass(uid) ? ACCEPTED_SOP_CLASSES[uid].use : undefined;
  if (use === 'analyse') {
    return PASS;
  }
  if (use === 'for-processing') {
    return refuse('for-processing');
  }
  // Also objects without SOP Class, from a disk: what they are can only be told by Modality.
  if (use === 'secondary-capture' || uid === undefined) {
    const radiograph = RADIOGRAPHY_MODALITIES.has(header.Modality);
    return policy.secondaryCapture === 'always' ||
      (policy.secondaryCapture === 'radiographs' && radiograph)
      ? warn('A Secondary Capture object: the grey scale may have been altered.')
      : refuse('sop-class-not-analysed');
  }
  return refuse('sop-class-not-analysed');
}

function checkPresentationIntent(header: InstanceHeader): Verdict {
  return header.PresentationIntentType?.toUpperCase() === 'FOR PROCESSING'
    ? refuse('for-processing')
    : PASS;
}

/** The SOP Class is what software wrote by, Modality a word that somebody set: it only warns. */
function checkModality(header: InstanceHeader): Verdict {
  return RADIOGRAPHY_MODALITIES.has(header.Modality)
    ? PASS
    : warn('Modality is neither CR nor DX.');
}

function checkBodyPart(header: InstanceHeader, policy: GatePolicy): Verdict {
  switch (bodyPartOf(header)) {
    case 'chest':
      return PASS;
    case 'other':
      return refuse('not-chest');
    case 'unknown': {
      if (policy.unknownBodyPart === 'refuse') {
        return refuse('not-chest', 'The body part is not stated and the site refuses such images.');
      }
      // An acute abdomen series holds an upright chest: descriptions warn and never refuse.
      return describedBodyPart(header) === 'other'
        ? warn('The body part is not stated and the description names another one.')
        : warn('The body part is not stated.');
    }
  }
}

function checkView(header: InstanceHeader, policy: GatePolicy): Verdict {
  const { view, source, mirrored } = viewOf(header);
  switch (view) {
    case 'frontal':
      return mirrored ? warn('The orientation says that the image is mirrored.') : PASS;
    case 'not-frontal':
      return refuse('not-frontal');
    case 'unknown':
      if (policy.unknownView === 'refuse') {
        return refuse('view-unknown');
      }
      return warn(
        source === 'contradiction'
          ? 'The header contradicts itself about the view; it is unconfirmed.'
          : 'The view is not stated; it is unconfirmed.',
      );
  }
}

function checkAge({ ageYears }: InstanceHeader, policy: GatePolicy): Verdict {
  if (ageYears === undefined) {
    return policy.minAgeYears > 0 ? warn('The age of the patient is not stated.') : PASS;
  }
  return ageYears < policy.minAgeYears
    ? refuse('paediatric', `The patient is younger than ${policy.minAgeYears} years.`)
    : PASS;
}

function checkFrames({ NumberOfFrames }: PixelHeader): Verdict {
  return NumberOfFrames > 1 ? refuse('multi-frame') : PASS;
}

function checkColour(pixels: PixelHeader, policy: GatePolicy): Verdict {
  const grey = /^MONOCHROME[12]$/.test(pixels.PhotometricInterpretation);
  if (grey && pixels.SamplesPerPixel === 1) {
    return PASS;
  }
  return policy.colour === 'luminance'
    ? warn('A colour image, analysed by its luminance.')
    : refuse('colour');
}

function checkSize({ Rows, Columns }: PixelHeader, policy: GatePolicy): Verdict {
  return Math.min(Rows, Columns) < policy.minSidePixels
    ? refuse('image-too-small', `A side of the image has less than ${policy.minSidePixels} pixels.`)
    : PASS;
}

/** Film and detector formats reach 1.25 and a tight collimation 1.6; the recipes see the central square. */
function checkAspect({ Rows, Columns, pixelAspectRatio }: PixelHeader): Verdict {
  const height = Rows * pixelAspectRatio;
  return Math.max(height, Columns) > MAX_ASPECT * Math.min(height, Columns)
    ? warn('One side is more than twice the other: only the central square is analysed.')
    : PASS;
}

function refuse(reason: NotAnalysedReason, detail: string = NOT_ANALYSED[reason]): Verdict {
  return { verdict: 'refuse', reason, detail };
}

function warn(detail: string): Verdict {
  return { verdict: 'warn', detail };
}

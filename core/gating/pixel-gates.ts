import type { NotAnalysedReason } from '../results/outcome.js';
import { NOT_ANALYSED } from '../results/outcome.js';
import { croppedSides } from './crop.js';
import type { GatePolicy } from './gate-policy.js';
import type { GateResult } from './gate.js';
import { orientationOf, type Orientation } from './orientation.js';
import { levelsOf, thumbnailOf, withPicture, type Picture } from './picture.js';

/** A picture whose 1st and 99th percentile are nearer, as a share of the input's range, shows nothing. */
const BLANK_CONTRAST = 0.002;
/** The largest share of one extreme in 4,087 chests is 0.63; docs/gates.md. */
const SATURATED_SHARE = 0.75;
/** Log-odds against upright and normal polarity. Measured: docs/gates.md. */
const WARN_MARGIN = 2;
/** Upright chests of normal polarity stay far below it, and nearly all inverted ones lie above: docs/gates.md. */
const CERTAIN_MARGIN = 6;
/** Mean absolute deviation within a row or column of a border, of -1..1. */
const FLAT_DEVIATION = 0.05;
/** A field narrower than this share of the picture is warned of. */
const SMALL_FIELD = 0.5;

type Verdict = Omit<GateResult, 'gate'>;

const PASS: Verdict = { verdict: 'pass' };

export interface PixelGateResults {
  readonly gates: readonly GateResult[];
  /** The polarity is certainly wrong and the policy says to correct it: classify `invertedTensor`. */
  readonly invert: boolean;
}

/**
 * What the pixels themselves say, judged on the first channel of the network's input.
 *
 * `tensor` has the shape [channels, size, size], `range` is the manifest's input range. The results go
 * up to and with the first refusal. Nothing here changes the tensor of an image that passes.
 */
export function runPixelGates(
  tensor: Float32Array,
  { size, range }: { readonly size: number; readonly range: readonly [number, number] },
  policy: GatePolicy,
): PixelGateResults {
  return withPicture(tensor, size, range, (picture) => judge(picture, policy));
}

function judge(picture: Picture, policy: GatePolicy): PixelGateResults {
  const blank = checkBlank(picture);
  const gates: GateResult[] = [{ gate: 'blank', ...blank }];
  if (blank.verdict === 'refuse') {
    return { gates, invert: false };
  }
  const thumbnail = thumbnailOf(picture);
  const orientation = orientationOf(thumbnail);
  const invert =
    policy.invertedPolarity === 'correct' && isCertainlyInverted(orientation, thumbnail);
  gates.push(
    { gate: 'saturation', ...checkSaturation(picture) },
    { gate: 'polarity', ...checkPolarity(orientation, invert, policy) },
    { gate: 'rotation', ...checkRotation(orientation) },
    { gate: 'field', ...checkField(picture) },
    { gate: 'cropped', ...checkCropped(thumbnail, orientation) },
  );
  return { gates, invert };
}

/** The tensor of the same image with the opposite polarity; recipes are affine in the grey level. */
export function invertedTensor(
  tensor: Float32Array,
  [low, high]: readonly [number, number],
): Float32Array {
  return tensor.map((value) => low + high - value);
}

function checkBlank({ contrast }: Picture): Verdict {
  return contrast < BLANK_CONTRAST ? refuse('image-blank') : PASS;
}

function checkSaturation({ saturated }: Picture): Verdict {
  return saturated > SATURATED_SHARE
    ? warn('Most of the image is one grey level: saturated, or hardly exposed.')
    : PASS;
}

function checkPolarity(orientation: Orientation, invert: boolean, policy: GatePolicy): Verdict {
  if (
    policy.invertedPolarity === 'off' ||
    !orientation.inverted ||
    orientation.margin < WARN_MARGIN
  ) {
    return PASS;
  }
  return invert
    ? warn('The image is inverted against what its header says; it was analysed the right way.')
    : warn('The image seems to be inverted: black and white are exchanged.');
}

/**
 * A turned image with normal polarity is a mistake of the modality; nobody may turn it but a person. A chest of which
 * half is missing can look inverted: what is cropped when it is read the other way is not certain.
 */
function isCertainlyInverted(
  { rotation, inverted, margin }: Orientation,
  thumbnail: Float32Array,
): boolean {
  return (
    inverted &&
    rotation === 0 &&
    margin >= CERTAIN_MARGIN &&
    croppedSides(thumbnail.map((value) => -value)).length === 0
  );
}

function checkRotation({ rotation, margin }: Orientation): Verdict {
  return rotation !== 0 && margin >= WARN_MARGIN
    ? warn(`The image seems to be turned by ${rotation} degrees; its scores may be wrong.`)
    : PASS;
}

function checkField(picture: Picture): Verdict {
  const { size } = picture;
  const levels = levelsOf(picture);
  const rows = exposedShare(levels, size, size, 1);
  const columns = exposedShare(levels, size, 1, size);
  return Math.min(rows, columns) < SMALL_FIELD
    ? warn('Less than half of the width or height is exposed: collimated, or not a whole chest.')
    : PASS;
}

/** Only of a picture that lies as it should: the templates know no other. */
function checkCropped(thumbnail: Float32Array, { margin }: Orientation): Verdict {
  const sides = margin < WARN_MARGIN ? croppedSides(thumbnail) : [];
  return sides.length > 0
    ? warn(
        `A part of the chest seems to be missing at the ${sides.join(' and the ')} of the image.`,
      )
    : PASS;
}

/** Share of the lines between the uniform borders on both sides. */
function exposedShare(
  levels: Float32Array,
  size: number,
  lineStep: number,
  pixelStep: number,
): number {
  let first = 0;
  while (first < size && isFlatLine(levels, first * lineStep, pixelStep, size)) {
    first += 1;
  }
  let last = size;
  while (last > first && isFlatLine(levels, (last - 1) * lineStep, pixelStep, size)) {
    last -= 1;
  }
  return (last - first) / size;
}

function isFlatLine(values: Float32Array, start: number, step: number, size: number): boolean {
  let mean = 0;
  for (let index = 0; index < size; index += 1) {
    mean += values[start + index * step]! / size;
  }
  let deviation = 0;
  for (let index = 0; index < size; index += 1) {
    deviation += Math.abs(values[start + index * step]! - mean) / size;
  }
  return deviation < FLAT_DEVIATION;
}

function refuse(reason: NotAnalysedReason): Verdict {
  return { verdict: 'refuse', reason, detail: NOT_ANALYSED[reason] };
}

function warn(detail: string): Verdict {
  return { verdict: 'warn', detail };
}

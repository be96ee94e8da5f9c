import { describe, expect, it } from 'vitest';

import { instanceHeader, uid } from '../../test/support/instance-header.js';
import { pixelHeader } from '../../test/support/pixel-header.js';
import type { InstanceHeader } from '../dicom/instance-header.js';
import { DEFAULT_GATE_POLICY, gatePolicySchema } from './gate-policy.js';
import { runHeaderGates, runPixelHeaderGates } from './header-gates.js';

const SECONDARY_CAPTURE = uid('1.2.840.10008.5.1.4.1.1.7');
const CT = uid('1.2.840.10008.5.1.4.1.1.2');

/** The refusing gate and its reason, else the warning gates. */
function outcome(overrides: Partial<InstanceHeader>, policy = {}): string {
  const results = runHeaderGates(instanceHeader(overrides), gatePolicySchema.parse(policy));
  const refusal = results.find(({ verdict }) => verdict === 'refuse');
  if (refusal !== undefined) {
    expect(results.at(-1)).toBe(refusal);
    return `${refusal.gate}: ${refusal.reason ?? 'no reason'}`;
  }
  return results
    .filter(({ verdict }) => verdict === 'warn')
    .map(({ gate }) => gate)
    .join(' ');
}

describe('runHeaderGates', () => {
  it('passes an adult frontal chest in every gate, in order', () => {
    const results = runHeaderGates(instanceHeader(), DEFAULT_GATE_POLICY);
    expect(results.map(({ gate, verdict }) => `${gate} ${verdict}`)).toEqual([
      'sop-class pass',
      'presentation-intent pass',
      'modality pass',
      'body-part pass',
      'view pass',
      'age pass',
    ]);
  });

  it.each([
    [{ SOPClassUID: CT }, 'sop-class: sop-class-not-analysed'],
    [{ SOPClassUID: uid('1.2.840.10008.5.1.4.1.1.1.1.1') }, 'sop-class: for-processing'],
    [{ PresentationIntentType: 'FOR PROCESSING' }, 'presentation-intent: for-processing'],
    [{ Modality: 'CT' }, 'modality'],
    [{ BodyPartExamined: 'HIP' }, 'body-part: not-chest'],
    [{ ViewPosition: 'LL' }, 'view: not-frontal'],
    [{ ViewPosition: undefined }, 'view'],
    [{ PatientOrientation: ['R', 'F'] }, 'view'],
    [{ ageYears: 17.9 }, 'age: paediatric'],
    [{ ageYears: 18 }, ''],
    [{ ageYears: undefined }, 'age'],
  ] satisfies [Partial<InstanceHeader>, string][])('%j: "%s"', (overrides, expected) => {
    expect(outcome(overrides)).toBe(expected);
  });

  it.each([
    ['DX', 'radiographs', 'sop-class'],
    ['OT', 'radiographs', 'sop-class: sop-class-not-analysed'],
    ['OT', 'always', 'sop-class modality'],
    ['DX', 'never', 'sop-class: sop-class-not-analysed'],
  ])(
    'Secondary Capture of Modality %s where the site takes %s: "%s"',
    (Modality, policy, expected) => {
      expect(
        outcome({ SOPClassUID: SECONDARY_CAPTURE, Modality }, { secondaryCapture: policy }),
      ).toBe(expected);
      expect(outcome({ SOPClassUID: undefined, Modality }, { secondaryCapture: policy })).toBe(
        expected,
      );
    },
  );

  it('refuses what is not stated where the site wants it so', () => {
    expect(outcome({ ViewPosition: undefined }, { unknownView: 'refuse' })).toBe(
      'view: view-unknown',
    );
    expect(outcome({ BodyPartExamined: undefined }, { unknownBodyPart: 'refuse' })).toBe(
      'body-part: not-chest',
    );
    expect(outcome({ ageYears: 3 }, { minAgeYears: 0 })).toBe('');
  });

  it.each([
    'CHEST',
    'PORTABLE CHEST',
    'NON GRID CHEST',
    'RIBCAGE',
    'Thorax',
    'TORAX',
    'CHEST_TO_PELVIS',
    'LUNG',
  ])('passes the body part %s', (BodyPartExamined) => {
    expect(outcome({ BodyPartExamined })).toBe('');
  });

  it.each([
    'HIP',
    'EXTREMITY',
    'EXTREMETY',
    'TIBIA',
    'KNEE',
    'SKULL',
    'ABDOMEN',
    'LSPINE',
    'T SPINE',
    'SHOULDER',
    'ABDOMENPELVIS',
  ])('refuses the body part %s', (BodyPartExamined) => {
    expect(outcome({ BodyPartExamined })).toBe('body-part: not-chest');
  });

  it('warns of body parts that it does not know, and of descriptions that name another one', () => {
    expect(outcome({ BodyPartExamined: 'UNSPECIFIED' })).toBe('body-part');
    const header = instanceHeader({
      BodyPartExamined: undefined,
      SeriesDescription: 'Abdomen KUB',
    });
    expect(runHeaderGates(header, DEFAULT_GATE_POLICY)).toContainEqual(
      expect.objectContaining({
        gate: 'body-part',
        detail: expect.stringMatching(/another/) as string,
      }),
    );
  });

  it('takes the Anatomic Region where Body Part Examined is empty', () => {
    expect(outcome({ BodyPartExamined: undefined, AnatomicRegionCodes: ['816094009'] })).toBe('');
    expect(outcome({ BodyPartExamined: undefined, AnatomicRegionCodes: ['T-D3000'] })).toBe('');
    expect(outcome({ BodyPartExamined: undefined, AnatomicRegionCodes: ['1'] })).toBe('body-part');
  });

  it('gives every warning and refusal a sentence', () => {
    for (const overrides of [
      { Modality: 'CT' },
      { ViewPosition: 'LAT' },
      { BodyPartExamined: 'X' },
    ]) {
      for (const result of runHeaderGates(instanceHeader(overrides), DEFAULT_GATE_POLICY)) {
        expect(result.verdict === 'pass' || /^[A-Z].*\.$/.test(result.detail ?? '')).toBe(true);
      }
    }
  });
});

describe('runPixelHeaderGates', () => {
  const large = { Rows: 2000, Columns: 1800 };
  const last = (overrides: object, policy = {}) => {
    const pixels = pixelHeader({ ...large, ...overrides });
    const result = runPixelHeaderGates(pixels, gatePolicySchema.parse(policy)).at(-1);
    return `${result?.gate ?? ''} ${result?.reason ?? result?.verdict ?? ''}`;
  };

  it.each([
    [{}, 'aspect pass'],
    [{ NumberOfFrames: 2 }, 'frames multi-frame'],
    [{ SamplesPerPixel: 3, PhotometricInterpretation: 'RGB' }, 'colour colour'],
    [{ PhotometricInterpretation: 'PALETTE COLOR' }, 'colour colour'],
    [{ Rows: 223 }, 'size image-too-small'],
    [{ Rows: 224, Columns: 224 }, 'aspect pass'],
    [{ Rows: 900, Columns: 1801 }, 'aspect warn'],
    [{ Rows: 900, Columns: 1801, pixelAspectRatio: 2 }, 'aspect pass'],
  ])('%j: %s', (overrides, expected) => {
    expect(last(overrides)).toBe(expected);
  });

  it('lets colour pass with a warning where the site wants it so', () => {
    const pixels = pixelHeader({ ...large, SamplesPerPixel: 3, PhotometricInterpretation: 'RGB' });
    expect(
      runPixelHeaderGates(pixels, gatePolicySchema.parse({ colour: 'luminance' })),
    ).toMatchObject([
      {},
      { gate: 'colour', verdict: 'warn' },
      { gate: 'size', verdict: 'pass' },
      { gate: 'aspect', verdict: 'pass' },
    ]);
  });
});

describe('gatePolicySchema', () => {
  it('refuses settings that it does not know', () => {
    expect(gatePolicySchema.safeParse({ unknowView: 'refuse' }).success).toBe(false);
  });
});

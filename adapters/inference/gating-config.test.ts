import { expect, test } from 'vitest';

import { DEFAULT_GATE_POLICY } from '../../core/gating/gate-policy.js';
import { loadConfig } from '../config/load-config.js';
import { gatePolicyOf, gatingConfig } from './gating-config.js';

test('without settings the policy is the default one', () => {
  expect(gatePolicyOf(loadConfig(gatingConfig, {}))).toEqual(DEFAULT_GATE_POLICY);
});

test('every part of the policy has its variable', () => {
  const config = loadConfig(gatingConfig, {
    PREREAD_UNKNOWN_VIEW: 'refuse',
    PREREAD_UNKNOWN_BODY_PART: 'refuse',
    PREREAD_SECONDARY_CAPTURE: 'never',
    PREREAD_COLOUR: 'luminance',
    PREREAD_MIN_AGE_YEARS: '0',
    PREREAD_MIN_SIDE_PIXELS: '512',
    PREREAD_INVERTED_POLARITY: 'warn',
    PREREAD_NOT_CHEST: 'off',
  });
  expect(gatePolicyOf(config)).toEqual({
    unknownView: 'refuse',
    unknownBodyPart: 'refuse',
    secondaryCapture: 'never',
    colour: 'luminance',
    minAgeYears: 0,
    minSidePixels: 512,
    invertedPolarity: 'warn',
    notChest: 'off',
  });
});

import { describe, expect, it } from 'vitest';

import { instanceHeader } from '../../test/support/instance-header.js';
import { viewOf } from './view.js';

const silent = instanceHeader({ ViewPosition: undefined });

describe('viewOf', () => {
  it.each(['PA', 'AP', 'pa', 'AP PORTABLE', 'PA ERECT', 'AP_SUPINE'])(
    'takes View Position %s as frontal',
    (ViewPosition) => {
      expect(viewOf({ ...silent, ViewPosition })).toMatchObject({
        view: 'frontal',
        source: 'ViewPosition',
      });
    },
  );

  it.each(['LL', 'RL', 'LATERAL', 'LARGE LATERAL', 'L LAT', 'LLO', 'RLD', 'OBLIQUE', 'LAO'])(
    'takes View Position %s as not frontal',
    (ViewPosition) => {
      expect(viewOf({ ...silent, ViewPosition })).toMatchObject({ view: 'not-frontal' });
    },
  );

  it.each([
    ['272479007', 'frontal'],
    ['R-10206', 'frontal'],
    ['399173006', 'not-frontal'],
    ['1234', 'unknown'],
  ])('takes view code %s as %s where View Position is silent', (code, view) => {
    expect(viewOf({ ...silent, ViewCodes: [code] }).view).toBe(view);
  });

  it.each([
    [['L', 'F'], 'frontal', false],
    [['R', 'F'], 'frontal', true],
    [['A', 'F'], 'not-frontal', false],
    [['P', 'F'], 'not-frontal', false],
    [['', ''], 'unknown', false],
    [[], 'unknown', false],
  ])('takes orientation %j as %s', (PatientOrientation, view, mirrored) => {
    expect(viewOf({ ...silent, PatientOrientation })).toMatchObject({ view, mirrored });
  });

  it.each([
    ['Chest PA', 'frontal'],
    ['W033 Chest frontal', 'frontal'],
    // Study texts stand on both images of an examination and cannot tell which one this is.
    ['Xray Chest PA and Lateral', 'unknown'],
    ['Chest lateral', 'unknown'],
    ['Spathe', 'unknown'],
  ])('takes the description "%s" as %s', (SeriesDescription, view) => {
    expect(viewOf({ ...silent, SeriesDescription }).view).toBe(view);
  });

  it('does not know when two attributes contradict each other', () => {
    for (const contradiction of [
      { ViewPosition: 'PA', PatientOrientation: ['A', 'F'] },
      { ViewPosition: 'LL', SeriesDescription: 'single view frontal' },
      { ViewCodes: ['399067008'], PatientOrientation: ['L', 'F'] },
    ]) {
      expect(viewOf({ ...silent, ...contradiction })).toMatchObject({
        view: 'unknown',
        source: 'contradiction',
      });
    }
  });

  it('knows nothing of a silent header', () => {
    expect(viewOf(silent)).toEqual({ view: 'unknown', source: undefined, mirrored: false });
  });
});

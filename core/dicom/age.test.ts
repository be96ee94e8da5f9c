import { describe, expect, it } from 'vitest';

import { ageInYears } from './age.js';

const none = { PatientAge: undefined, PatientBirthDate: undefined, date: undefined };

describe('ageInYears', () => {
  it.each([
    ['058Y', 58],
    ['006M', 0.5],
    ['81', 81],
    ['003D', 3 / 365.25],
  ])('reads Patient Age %s', (PatientAge, years) => {
    expect(ageInYears({ ...none, PatientAge })).toBeCloseTo(years, 6);
  });

  it.each(['411Y', '', 'old', '-05Y', '1000Y'])(
    'knows nothing from Patient Age "%s"',
    (PatientAge) => {
      expect(ageInYears({ ...none, PatientAge })).toBeUndefined();
    },
  );

  it('falls back to the birth date, also when the age is impossible', () => {
    const dates = { PatientBirthDate: '19800229', date: '20200228' };
    expect(ageInYears({ ...none, ...dates })).toBeCloseTo(39.999, 2);
    expect(ageInYears({ PatientAge: '411Y', ...dates })).toBeCloseTo(39.999, 2);
  });

  it.each([
    ['20200101', '19990101'],
    ['19990231', '20200101'],
    ['1999', '20200101'],
  ])('knows nothing from the birth date %s at %s', (PatientBirthDate, date) => {
    expect(ageInYears({ ...none, PatientBirthDate, date })).toBeUndefined();
  });
});

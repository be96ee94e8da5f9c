import { expect, it } from 'vitest';
import { z } from 'zod';

import { addressFingerprint } from './address-fingerprint.js';
import { destinationsSchema } from './destination.js';

function fingerprintOf(destination: object): string {
  const parsed = destinationsSchema(z.string()).parse({ destinations: [destination] });
  return addressFingerprint(parsed.destinations[0]!);
}

const FHIR = { name: 'emr', kind: 'fhir', url: 'https://emr.example/fhir' };
const PACS = {
  name: 'pacs',
  kind: 'dimse',
  host: 'pacs.example',
  port: 104,
  calledAeTitle: 'PACS',
};

it('tells a destination that has moved from one that has not', () => {
  expect(fingerprintOf({ ...FHIR, url: 'https://emr.example/r4' })).not.toBe(fingerprintOf(FHIR));
  expect(fingerprintOf({ ...PACS, port: 11_112 })).not.toBe(fingerprintOf(PACS));
  expect(fingerprintOf({ ...PACS, calledAeTitle: 'ARCHIVE' })).not.toBe(fingerprintOf(PACS));
});

it('stays the same when a credential or a filter changes', () => {
  const auth = { kind: 'bearer', token: 'new' };
  expect(fingerprintOf({ ...FHIR, auth, results: { which: 'flagged' } })).toBe(fingerprintOf(FHIR));
});

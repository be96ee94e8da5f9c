import { describe, expect, it } from 'vitest';

import { conditionSchema, explain, holds } from './condition.js';
import type { AttributeStep, ReadAttribute } from './condition.js';

const ATTRIBUTES: Readonly<Record<string, AttributeStep>> = {
  BodyPartExamined: { tag: '00180015', vr: 'CS' },
  StationName: { tag: '00081010', vr: 'SH' },
  PatientAge: { tag: '00101010', vr: 'AS' },
  KVP: { tag: '00180060', vr: 'DS' },
  ImageType: { tag: '00080008', vr: 'CS' },
  ViewCodeSequence: { tag: '00540220', vr: 'SQ' },
  CodeValue: { tag: '00080100', vr: 'SH' },
};
const schema = conditionSchema((name) => ATTRIBUTES[name]);

const values: Readonly<Record<string, readonly string[]>> = {
  '00180015': ['RibCage'],
  '00101010': ['018M'],
  '00180060': ['125'],
  '00080008': ['DERIVED', 'SECONDARY'],
  '00540220/00080100': ['R-10206'],
  '00540220': [''],
  '00081010': ['Phòng 3'],
};
const read: ReadAttribute = (path) => values[path.map(({ tag }) => tag).join('/')] ?? [];

const of = (attribute: string, test: object) => ({ attribute, ...test });
const result = (raw: unknown) => holds(schema.parse(raw), read);
const silent: ReadAttribute = () => [];

describe('a condition', () => {
  it.each([
    [of('BodyPartExamined', { equals: 'RIBCAGE' }), true],
    [of('BodyPartExamined', { equals: 'RIB' }), false],
    [of('BodyPartExamined', { in: ['CHEST', 'ribcage'] }), true],
    [of('BodyPartExamined', { matches: 'rib*' }), true],
    [of('BodyPartExamined', { matches: ['CHEST*', '*CAGE'] }), true],
    [of('StationName', { equals: 'Phòng 3'.normalize('NFD') }), true],
    [of('ImageType', { equals: 'SECONDARY' }), true],
    [of('ImageType', { equals: 'PRIMARY' }), false],
    [of('KVP', { equals: 125.0 }), true],
    [of('KVP', { atLeast: 125, atMost: 125 }), true],
    [of('KVP', { above: 125 }), false],
    [of('KVP', { below: 125 }), false],
    [of('PatientAge', { below: 2 }), true],
    [of('PatientAge', { below: 1.5 }), false],
    [of('BodyPartExamined', { below: 5 }), false],
    [of('ViewCodeSequence.CodeValue', { equals: 'R-10206' }), true],
    [of('ViewCodeSequence', { exists: true }), true],
    [of('KVP', { exists: false }), false],
    [{ not: of('KVP', { exists: false }) }, true],
    [{ all: [of('KVP', { above: 100 }), of('ImageType', { equals: 'DERIVED' })] }, true],
    [{ any: [of('KVP', { above: 200 }), of('ImageType', { equals: 'DERIVED' })] }, true],
    [{ any: [of('KVP', { above: 200 })] }, false],
  ])('%j: %s', (raw, expected) => {
    expect(result(raw)).toBe(expected);
  });

  it('of an absent attribute holds nothing but that it is absent', () => {
    for (const test of [{ equals: '' }, { matches: '*' }, { below: 5 }, { exists: true }]) {
      expect(holds(schema.parse(of('KVP', test)), silent)).toBe(false);
    }
    expect(holds(schema.parse(of('KVP', { exists: false })), silent)).toBe(true);
  });

  it.each([
    [{}, '', /exactly one/],
    [{ attribute: 'KVP' }, '', /needs equals/],
    [{ not: { attribute: 'KVP', exists: true }, attribute: 'KVP' }, '', /exactly one/],
    [{ all: [{ attribute: 'Kvp', above: 1 }] }, 'all.0.attribute', /neither a DICOM keyword/],
    [{ attribute: 'KVP.CodeValue', above: 1 }, 'attribute', /no sequence/],
    [{ attribute: 'ViewCodeSequence', equals: 'x' }, 'attribute', /only be tested with exists/],
    [{ attribute: 'KVP', over: 1 }, '', /over/],
    [{ attribute: 'KVP', above: '1' }, 'above', /number/],
    [{ attribute: 'KVP', matches: 'x'.repeat(201) }, 'matches', /./],
  ])('%j is refused at "%s"', (raw, path, message) => {
    const issue = schema.safeParse(raw).error?.issues[0];
    expect(issue?.path.join('.')).toBe(path);
    expect(issue?.message).toMatch(message);
  });

  it('explains itself without a value of the object', () => {
    const condition = schema.parse({
      all: [of('KVP', { above: 100 }), { not: of('BodyPartExamined', { equals: 'CHEST' }) }],
    });
    expect(
      explain(condition, read).map((line) => `${line.depth} ${line.text} ${String(line.holds)}`),
    ).toEqual([
      '0 all of true',
      '1 KVP > 100 true',
      '1 not true',
      '2 BodyPartExamined is CHEST false',
    ]);
    expect(explain(schema.parse(of('KVP', { above: 1 })), silent)[0]?.text).toMatch(/absent/);
  });
});

import { describe, expect, it } from 'vitest';

import { instanceHeader } from '../../test/support/instance-header.js';
import { uid } from '../../test/support/instance-header.js';
import { DEFAULT_GATE_POLICY } from '../gating/gate-policy.js';
import { runHeaderGates } from '../gating/header-gates.js';
import type { ReadAttribute } from './condition.js';
import {
  explainSiteRules,
  priorityBySiteRules,
  runSiteRules,
  siteBySiteRules,
  siteRulesSchema,
} from './site-rules.js';

const schema = siteRulesSchema((name) =>
  name === 'StationName' ? { tag: '00081010', vr: 'SH' } : undefined,
);
const station = (equals: string) => ({ attribute: 'StationName', equals });
const rule = (name: string, action: string, equals: string, more = {}) => ({
  name,
  action,
  because: `Said by ${name}.`,
  when: station(equals),
  ...more,
});
const parse = (...rules: object[]) => schema.parse({ rules });
const room: ReadAttribute = () => ['ROOM1'];

describe('runSiteRules', () => {
  it('is no gate at all without rules, and a passed one when nothing matches', () => {
    expect(runSiteRules([], room).gates).toEqual([]);
    expect(runSiteRules(parse(rule('a', 'refuse', 'ROOM2')), room).gates).toEqual([
      { gate: 'site-rules', verdict: 'pass' },
    ]);
  });

  it('hears every warning up to the first rule that decides', () => {
    const rules = parse(
      rule('a', 'warn', 'ROOM1'),
      rule('b', 'warn', 'ROOM1'),
      rule('c', 'refuse', 'ROOM1'),
      rule('d', 'warn', 'ROOM1'),
    );
    expect(runSiteRules(rules, room).gates).toEqual([
      { gate: 'site-rules', verdict: 'warn', detail: 'Said by a. (rule a)' },
      { gate: 'site-rules', verdict: 'warn', detail: 'Said by b. (rule b)' },
      {
        gate: 'site-rules',
        verdict: 'refuse',
        reason: 'site-rule',
        detail: 'Said by c. (rule c)',
      },
    ]);
    expect(explainSiteRules(rules, room).map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
      'a matched',
      'b matched',
      'c matched',
      'd not-reached',
    ]);
  });

  it('that allows makes a warning of the refusals that it names, and ends the list', () => {
    const rules = parse(
      rule('a', 'allow', 'ROOM1', { gates: ['body-part'] }),
      rule('b', 'refuse', 'ROOM1'),
    );
    const { gates, allowed } = runSiteRules(rules, room);
    expect(gates).toEqual([{ gate: 'site-rules', verdict: 'pass' }]);
    const hip = instanceHeader({ BodyPartExamined: 'HIP' });
    expect(runHeaderGates(hip, DEFAULT_GATE_POLICY, allowed)).toContainEqual({
      gate: 'body-part',
      verdict: 'warn',
      detail: 'The image is not of the chest. Analysed all the same: Said by a. (rule a)',
    });
    const lateral = instanceHeader({ ViewPosition: 'LL' });
    expect(runHeaderGates(lateral, DEFAULT_GATE_POLICY, allowed).at(-1)).toMatchObject({
      gate: 'view',
      verdict: 'refuse',
    });
  });

  it('never lets raw detector data pass', () => {
    const { allowed } = runSiteRules(
      parse(rule('a', 'allow', 'ROOM1', { gates: ['sop-class'] })),
      room,
    );
    const raw = instanceHeader({ SOPClassUID: uid('1.2.840.10008.5.1.4.1.1.1.1.1') });
    expect(runHeaderGates(raw, DEFAULT_GATE_POLICY, allowed).at(-1)).toMatchObject({
      verdict: 'refuse',
      reason: 'for-processing',
    });
  });
});

describe('priorityBySiteRules', () => {
  const rules = parse(
    rule('a', 'priority', 'ROOM2', { priority: 'stat' }),
    rule('b', 'refuse', 'ROOM1'),
    rule('c', 'priority', 'ROOM1', { priority: 'urgent' }),
    rule('d', 'priority', 'ROOM1', { priority: 'stat' }),
  );

  it('is the first that matches, wherever it stands among rules of other kinds', () => {
    expect(priorityBySiteRules(rules, room)).toEqual({ name: 'c', priority: 'urgent' });
    expect(priorityBySiteRules(rules, () => ['ROOM3'])).toBeUndefined();
    expect(explainSiteRules(rules, room)).toMatchObject([
      { name: 'a', outcome: 'not-matched' },
      { name: 'b', outcome: 'matched' },
      { name: 'c', outcome: 'matched', priority: 'urgent' },
      { name: 'd', outcome: 'not-reached' },
    ]);
  });

  it('says nothing of whether an image is analysed', () => {
    const alone = parse(rule('a', 'priority', 'ROOM1', { priority: 'stat' }));
    expect(runSiteRules(alone, room)).toEqual({ gates: [], allowed: new Map() });
    expect(runSiteRules(rules, room).gates).toMatchObject([{ verdict: 'refuse' }]);
  });
});

describe('siteBySiteRules', () => {
  const rules = parse(
    rule('a', 'site', 'ROOM2', { site: 'north' }),
    rule('b', 'refuse', 'ROOM1'),
    rule('c', 'site', 'ROOM1', { site: 'south' }),
    rule('d', 'site', 'ROOM1', { site: 'west' }),
  );

  it('is named by the first rule that matches, wherever it stands among rules of other kinds', () => {
    expect(siteBySiteRules(rules, room)).toBe('south');
    expect(siteBySiteRules(rules, () => ['ROOM3'])).toBeUndefined();
    expect(explainSiteRules(rules, room)).toMatchObject([
      { name: 'a', outcome: 'not-matched' },
      { name: 'b', outcome: 'matched' },
      { name: 'c', outcome: 'matched', site: 'south' },
      { name: 'd', outcome: 'not-reached' },
    ]);
    expect(runSiteRules(rules, room).gates).toMatchObject([{ verdict: 'refuse' }]);
  });
});

describe('siteRulesSchema', () => {
  it.each([
    [{ rules: [rule('a', 'allow', 'x')] }, 'rules.0'],
    [{ rules: [rule('a', 'warn', 'x', { gates: ['view'] })] }, 'rules.0.gates'],
    [{ rules: [rule('a', 'allow', 'x', { gates: ['blank'] })] }, 'rules.0.gates.0'],
    [{ rules: [rule('a', 'warn', 'x'), rule('a', 'warn', 'y')] }, 'rules.1.name'],
    [{ rules: [rule('A b', 'warn', 'x')] }, 'rules.0.name'],
    [{ rules: [{ ...rule('a', 'warn', 'x'), because: ' ' }] }, 'rules.0.because'],
    [
      { rules: [{ ...rule('a', 'warn', 'x'), when: { attribute: 'X', equals: 1 } }] },
      'rules.0.when.attribute',
    ],
    [{ rules: [rule('a', 'priority', 'x')] }, 'rules.0'],
    [{ rules: [rule('a', 'priority', 'x', { priority: 'high' })] }, 'rules.0.priority'],
    [{ rules: [rule('a', 'warn', 'x', { priority: 'stat' })] }, 'rules.0.priority'],
    [{ rules: [rule('a', 'site', 'x')] }, 'rules.0'],
    [{ rules: [rule('a', 'site', 'x', { site: 'North Wing' })] }, 'rules.0.site'],
    [{ rules: [rule('a', 'warn', 'x', { site: 'north' })] }, 'rules.0.site'],
    [{ rule: [] }, 'rules'],
  ])('%j is refused at %s', (raw, path) => {
    expect(schema.safeParse(raw).error?.issues[0]?.path.join('.')).toBe(path);
  });
});

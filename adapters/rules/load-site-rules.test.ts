import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { findAttribute } from './attribute-dictionary.js';
import { loadSiteRules } from './load-site-rules.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-rules-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function load(text: string) {
  const path = join(folder, 'rules.yaml');
  await writeFile(path, text);
  return loadSiteRules(path);
}

const RULES = `
rules:
  - name: ribs # for the trauma team
    when:
      all:
        - { attribute: BodyPartExamined, in: [RIBS, RIBCAGE] }
        - not: { attribute: '(0008,1010)', matches: 'ROOM*' }
    action: refuse
    because: Ribs are read by the trauma team.
`;

describe('loadSiteRules', () => {
  it('reads YAML and the same in JSON; no file is no rule', async () => {
    const rules = await load(RULES);
    expect(rules).toMatchObject([{ name: 'ribs', action: 'refuse', gates: [] }]);
    const json = JSON.stringify({
      rules: [
        {
          name: 'ribs',
          when: {
            all: [
              { attribute: 'BodyPartExamined', in: ['RIBS', 'RIBCAGE'] },
              { not: { attribute: '(0008,1010)', matches: 'ROOM*' } },
            ],
          },
          action: 'refuse',
          because: 'Ribs are read by the trauma team.',
        },
      ],
    });
    expect(await load(json)).toEqual(rules);
    expect(await loadSiteRules(undefined)).toEqual([]);
  });

  it('names the line and the field of every problem at once', async () => {
    const broken = RULES.replace('BodyPartExamined', 'BodyPart').replace('refuse', 'reject');
    const error = await load(broken).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'config-invalid' });
    const { message } = error as Error;
    expect(message).toMatch(/line 6: rules\[0\]\.when\.all\[0\]\.attribute: BodyPart is neither/);
    expect(message).toMatch(/line 8: rules\[0\]\.action: /);
  });

  it.each([
    ['rules:\n  - name: [', /line 2/],
    ['', /line 1/],
    [
      'a: &a [1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]',
      /aliases/,
    ],
    ['rules: []\nrules: []', /line 2/],
  ])('%j is refused', async (text, message) => {
    await expect(load(text)).rejects.toThrow(message);
  });

  it('refuses what is not a regular file of a reasonable size', async () => {
    await expect(loadSiteRules(folder)).rejects.toThrow(/regular file/);
    await expect(loadSiteRules('/dev/zero')).rejects.toThrow(/regular file/);
    await expect(loadSiteRules(join(folder, 'missing'))).rejects.toThrow(/cannot be read/);
    await expect(load('#'.repeat(1024 * 1024 + 1))).rejects.toThrow(/regular file/);
  });
});

describe('findAttribute', () => {
  it.each([
    ['StationName', { tag: '00081010', vr: 'SH' }],
    ['(0008,1010)', { tag: '00081010', vr: 'SH' }],
    ['00081010', { tag: '00081010', vr: 'SH' }],
    ['(0019,10ab)', { tag: '001910AB', vr: undefined }],
    ['PixelPaddingValue', { tag: '00280120', vr: undefined }],
    ['TransferSyntaxUID', { tag: '00020010', vr: 'UI' }],
    ['MediaStorageSOPClassUID', undefined],
    ['PixelData', undefined],
    ['constructor', undefined],
    ['stationname', undefined],
  ])('%s: %j', (name, expected) => {
    expect(findAttribute(name)).toEqual(expected);
  });
});

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { packageRoot } from '../process/package-info.js';
import { parseDestinations } from './load-destinations.js';
import { referenceSchema, secretSchema } from './read-secret.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const read = (text: string) => parseDestinations(text, 'd.yaml', secretSchema({ HOOK: SECRET }));

const HOOK = `
destinations:
  - name: ris
    kind: webhook
    url: https://ris.example/hook
    secrets: [env:HOOK]
`;

describe('parseDestinations', () => {
  it('reads YAML, and puts secrets where their references stand', () => {
    expect(read(HOOK)).toMatchObject([
      { name: 'ris', kind: 'webhook', enabled: true, order: 0, body: 'thin', secrets: [SECRET] },
    ]);
  });

  it('reads JSON', () => {
    const text = JSON.stringify({
      destinations: [
        { name: 'a', kind: 'webhook', url: 'https://a.example/', secrets: ['env:HOOK'] },
      ],
    });
    expect(read(text)).toHaveLength(1);
  });

  it('says all problems by field and line', () => {
    const text = `${HOOK}    ordr: 3
  - name: ris
    kind: webhook
    url: http://ris.example/hook
    secrets: [whsec_c2VjcmV0]
`;
    const problems = () => read(text);
    expect(problems).toThrow(/d\.yaml, line 3: destinations\[0\]: .*ordr/);
    expect(problems).toThrow(/line 11: destinations\[1\]\.secrets\[0\]: a secret is given by ref/);
  });

  it('refuses a second destination of the same name, and http that leaves the machine', () => {
    const text = `${HOOK}  - name: ris
    kind: webhook
    url: http://ris.example/hook
    secrets: [env:HOOK]
`;
    expect(() => read(text)).toThrow(/destinations\[1\]\.url: .*allowUnencrypted/);
    expect(() => read(text.replace('http:', 'https:'))).toThrow(
      /line 7: destinations\[1\]\.name: another destination is named ris/,
    );
  });

  it('refuses archives that would get one report in two classes', () => {
    const archive = (name: string, more: string) =>
      `  - { name: ${name}, kind: dicomweb, url: "https://pacs.example/dicom-web"${more} }\n`;
    const both = (more: string) =>
      read(
        `destinations:\n${archive('a', '')}${archive('b', `, report: comprehensive-sr${more}`)}`,
      );
    expect(() => both('')).toThrow(/destinations\[1\]\.report: a gets comprehensive-3d-sr/);
    expect(both(', objects: [sc]')).toHaveLength(2);
    expect(both(', enabled: false')).toHaveLength(2);
  });

  it.each([
    ['env:ABSENT', /ABSENT is not set/],
    ['file:/nowhere/secret', /cannot be read/],
  ])('refuses the reference %s that leads nowhere', (reference, message) => {
    expect(() => read(HOOK.replace('env:HOOK', reference))).toThrow(message);
  });

  it('names the line of a syntax error', () => {
    expect(() => read('destinations:\n  - name: "x\n')).toThrow(/d\.yaml, line \d/);
  });

  const folder = join(packageRoot, 'docs', 'integration', 'destinations');
  it.each(readdirSync(folder))('takes the example %s', (name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    expect(parseDestinations(text, name, referenceSchema())).not.toHaveLength(0);
  });
});

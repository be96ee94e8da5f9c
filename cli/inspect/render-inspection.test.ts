import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { inspectImage } from '../../adapters/dicom/inspect-image.js';
import { chestFile } from '../../test/support/build-dicom.js';
import type { Elements } from '../../test/support/build-dicom.js';
import { findAttribute } from '../../adapters/rules/attribute-dictionary.js';
import { siteRulesSchema, type SiteRules } from '../../core/rules/site-rules.js';
import { renderInspection } from './render-inspection.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-inspect-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function inspect(bytes: Uint8Array, siteRules: SiteRules = []): Promise<string> {
  const path = join(folder, 'image.dcm');
  await writeFile(path, bytes);
  const inputSize = { channels: 1, width: 8, height: 8 };
  const options = { recipe: 'cxr-square@1', inputSize, range: [-1, 1], siteRules } as const;
  return renderInspection(await inspectImage({ path }, options));
}

const large: Elements = {
  '00100010': ['PN', 'Nguyen^Van A'],
  '00100020': ['LO', 'SECRET-ID'],
  '00280010': ['US', 300],
  '00280011': ['US', 300],
  '7fe00010': ['OW', Buffer.from(Uint16Array.from({ length: 90_000 }, (_, i) => i % 301).buffer)],
};

describe('renderInspection', () => {
  it('shows facts, chain, gates and outcome of an image that is analysed', async () => {
    const text = await inspect(chestFile(large));
    expect(text).toMatch(/Transfer Syntax +ExplicitVRLittleEndian/);
    expect(text).toMatch(/BodyPartExamined +CHEST -> chest/);
    expect(text).toMatch(/stored values +0 to 300/);
    expect(text).toMatch(/age +warn: The age of the patient is not stated/);
    expect(text).toMatch(/blank +pass/);
    expect(text).toMatch(/analysed +64 values, -1 to 1/);
  });

  it('shows no name, id or UID of the patient', async () => {
    const text = await inspect(chestFile(large));
    expect(text).not.toMatch(/Nguyen|SECRET|1\.2\.3\b/);
  });

  it('shows the pixels of an image that a gate refuses, and the gate last', async () => {
    const text = await inspect(chestFile({ ...large, '00180015': ['CS', 'HIP'] }));
    expect(text).toMatch(/body-part +refuse/);
    expect(text).toMatch(/stored values +0 to 300/);
    expect(text).toMatch(/not analysed +not-chest/);
    expect(text).not.toMatch(/\n {2}view +(pass|warn|refuse)/);
  });

  it('shows the gates by pixels', async () => {
    const blank = { ...large, '7fe00010': ['OW', Buffer.alloc(180_000, 3)] } satisfies Elements;
    expect(await inspect(chestFile(blank))).toMatch(/blank +refuse[^]*not analysed +image-blank/);
  });

  it('shows which rule sets the priority, and which part of its condition holds', async () => {
    const rules = siteRulesSchema(findAttribute).parse({
      rules: [
        {
          name: 'emergency',
          when: {
            all: [
              { attribute: 'Modality', equals: 'DX' },
              { attribute: 'BodyPartExamined', equals: 'CHEST' },
            ],
          },
          action: 'priority',
          priority: 'stat',
          because: 'From the emergency room.',
        },
      ],
    });
    expect(await inspect(chestFile({ ...large, '00080060': ['CS', 'DX'] }), rules)).toMatch(
      /emergency +matched: priority stat, From the emergency room\.\n +yes +all of\n +yes +Modality is DX/,
    );
    expect(await inspect(chestFile({ ...large, '00080060': ['CS', 'CR'] }), rules)).toMatch(
      /emergency +not matched\n +no +all of\n +no +Modality is DX/,
    );
  });

  it('says where a damaged file stops it', async () => {
    expect(await inspect(chestFile(large).subarray(0, 1000))).toMatch(
      /format +DICOM\n[^]*stopped at +dicom-truncated/,
    );
    expect(await inspect(Buffer.from('hello'))).toMatch(/not analysed +not-dicom/);
  });
});

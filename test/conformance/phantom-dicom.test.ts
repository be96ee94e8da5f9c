/**
 * The headers of the computed radiographs against dicom3tools' IOD validator, and their pixels against
 * GDCM's reader: what the demonstration and the tests feed the pipeline must itself be beyond doubt.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { DEMO_SYNTAXES, demoStudies, type DemoSyntax } from '../../scripts/phantom/demo-studies.js';
import {
  IMPLICIT_VR_LITTLE_ENDIAN,
  EXPLICIT_VR_LITTLE_ENDIAN,
  wrapGreyImage,
} from '../../scripts/phantom/phantom-dicom.js';
import { createRandom } from '../../scripts/phantom/random.js';
import { thoraxPhantom } from '../../scripts/phantom/thorax-phantom.js';
import { describeWithPeer } from '../support/peers.js';

describe('computed radiographs', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'preread-phantom-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function save(name: string, bytes: Buffer): Promise<string> {
    const file = path.join(folder, name);
    await writeFile(file, bytes);
    return file;
  }

  async function demoFiles(syntax: DemoSyntax): Promise<string[]> {
    const files: string[] = [];
    const request = { seed: 'conformance', count: 8, Rows: 64, Columns: 64, syntax };
    for await (const study of demoStudies(request)) {
      for (const { view, bytes } of study.instances) {
        files.push(await save(`${syntax}-${study.name}-${view}.dcm`, bytes));
      }
    }
    return files;
  }

  describeWithPeer('dicom3tools', 'dciodvfy', (peer) => {
    /** Lines of the validator that name an error; it exits with 0 all the same. */
    const errors = (file: string): string[] => {
      const { stderr, stdout } = spawnSync(peer.program('dciodvfy'), [file], { encoding: 'utf8' });
      expect(stderr + stdout).toMatch(/CRImage|DXImageForPresentation/);
      return `${stderr}${stdout}`.split('\n').filter((line) => /\b(error|abort)\b/i.test(line));
    };

    it.each(DEMO_SYNTAXES)('finds no error in any demo study (%s)', async (syntax) => {
      const files = await demoFiles(syntax);
      expect(files).toHaveLength(9);
      expect(files.flatMap(errors)).toEqual([]);
    });

    it('finds no error in a wrapped image of which nothing is known', async () => {
      const pixels = new Uint8Array(64 * 64).map((_, index) => index % 251);
      const bytes = wrapGreyImage({ Rows: 64, Columns: 64, BitsStored: 8, pixels });
      expect(errors(await save('wrapped.dcm', bytes))).toEqual([]);
    });
  });

  describeWithPeer('gdcm', 'GDCM', (peer) => {
    it.each([EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN] as const)(
      'reads the stored values that were written (%s)',
      async (TransferSyntaxUID) => {
        const image = thoraxPhantom(createRandom('gdcm'), { Rows: 72, Columns: 64 });
        const file = await save('gdcm.dcm', wrapGreyImage(image, {}, TransferSyntaxUID));
        const raw = path.join(folder, 'gdcm.raw');
        const { status, stderr } = spawnSync(peer.program('gdcmraw'), ['-i', file, '-o', raw], {
          encoding: 'utf8',
        });
        expect(status, stderr).toBe(0);
        const bytes = await readFile(raw);
        const values = new Uint16Array(new Uint8Array(bytes).buffer);
        expect(values).toEqual(image.pixels);
      },
    );
  });
});

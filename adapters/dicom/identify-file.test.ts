import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  chestElements,
  chestFile,
  encodeElements,
  encodeFragments,
  encodeMeta,
  EXPLICIT,
  UIDS,
} from '../../test/support/build-dicom.js';
import { HEAD_BYTES } from '../../core/storage/object-store.js';
import { identifyFile, inspectFile } from './identify-file.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-identify-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function identify(bytes: Uint8Array, options = {}) {
  const path = join(folder, 'file.dcm');
  await writeFile(path, bytes);
  return identifyFile(path, options);
}

const pixels = Buffer.alloc(300_000, 3);

describe('identifyFile', () => {
  it('identifies a file whose header is longer than the first prefix', async () => {
    const file = chestFile({
      '00189999': ['OB', Buffer.alloc(200_000)],
      '7fe00010': ['OW', pixels],
    });
    const instance = await identify(file);
    expect(instance.identity.SOPInstanceUID).toBe('1.2.3.4.5');
    expect(instance.pixelData).toMatchObject({
      offset: file.length - pixels.length,
      length: pixels.length,
    });
    await expect(identify(file, { maxHeaderBytes: 100_000 })).rejects.toMatchObject({
      code: 'dicom-unreadable',
    });
  });

  it('finds native Pixel Data cut off without reading it', async () => {
    const file = chestFile({ '7fe00010': ['OW', pixels] });
    await expect(identify(file.subarray(0, file.length - 1))).rejects.toMatchObject({
      code: 'dicom-truncated',
    });
  });

  it('finds a cut in any fragment of encapsulated Pixel Data', async () => {
    const withoutPixels = Object.fromEntries(
      Object.entries(chestElements()).filter(([tag]) => tag !== '7fe00010'),
    );
    const file = Buffer.concat([
      encodeMeta(UIDS.JPEGBaseline8Bit),
      encodeElements(withoutPixels, EXPLICIT),
      encodeFragments([pixels, pixels]),
    ]);
    await expect(identify(file)).resolves.toMatchObject({ kind: 'identified' });
    for (const cut of [1, 8, 9, 300_000, 300_009, 500_000]) {
      await expect(identify(file.subarray(0, file.length - cut))).rejects.toMatchObject({
        code: 'dicom-truncated',
      });
    }
  });

  it('finds a deflated data set cut off, and one that inflates beyond the limit', async () => {
    const dataSet = encodeElements(chestElements({ '7fe00010': ['OW', pixels] }), EXPLICIT);
    const file = Buffer.concat([
      encodeMeta(UIDS.DeflatedExplicitVRLittleEndian),
      deflateRawSync(dataSet),
    ]);
    await expect(identify(file)).resolves.toMatchObject({ inflated: true });
    const padded = Buffer.concat([file, Buffer.alloc(1)]);
    await expect(identify(padded)).resolves.toMatchObject({ inflated: true });
    await expect(identify(file.subarray(0, file.length - 20))).rejects.toMatchObject({
      code: 'dicom-truncated',
    });
    await expect(identify(file, { maxInflatedBytes: 250_000 })).rejects.toMatchObject({
      code: 'dicom-unreadable',
    });
  });

  it('refuses an empty file and one without the prefix', async () => {
    await expect(identify(Buffer.alloc(0))).rejects.toMatchObject({ code: 'dicom-unreadable' });
    await expect(identify(Buffer.from('hello'))).rejects.toMatchObject({
      code: 'dicom-unreadable',
    });
  });
});

describe('inspectFile', () => {
  const inspect = (bytes: Buffer, path: string) =>
    inspectFile({ path, sizeBytes: bytes.length, head: bytes.subarray(0, HEAD_BYTES) });
  const inNoFile = (bytes: Buffer) => inspect(bytes, join(folder, 'nowhere'));
  async function inFile(bytes: Buffer) {
    const path = join(folder, 'inspected.dcm');
    await writeFile(path, bytes);
    return inspect(bytes, path);
  }

  it('opens no file whose first bytes have the header', async () => {
    const file = chestFile({ '7fe00010': ['OW', pixels] });
    expect(await inNoFile(file)).toMatchObject({
      header: { SOPInstanceUID: '1.2.3.4.5' },
      hasPixelData: true,
      damage: undefined,
    });
    expect((await inNoFile(file.subarray(0, -1))).damage).toMatchObject({
      code: 'dicom-truncated',
    });
    const small = chestFile({ '7fe00010': ['OW', Buffer.alloc(100)] });
    expect((await inNoFile(small)).damage).toBeUndefined();
    expect((await inNoFile(small.subarray(0, -1))).damage).toMatchObject({
      code: 'dicom-truncated',
    });
  });

  it('reads on in the file where the header is longer', async () => {
    const file = chestFile({
      '00189999': ['OB', Buffer.alloc(200_000)],
      '7fe00010': ['OW', pixels],
    });
    expect(await inFile(file)).toMatchObject({
      header: { SOPInstanceUID: '1.2.3.4.5' },
      hasPixelData: true,
      damage: undefined,
    });
    await expect(inNoFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

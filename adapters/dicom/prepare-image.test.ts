import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  chestElements,
  chestFile,
  encodeElements,
  encodeFragments,
  encodeMeta,
  EXPLICIT,
} from '../../test/support/build-dicom.js';
import type { Elements } from '../../test/support/build-dicom.js';
import { gatePolicySchema } from '../../core/gating/gate-policy.js';
import { DEFAULT_IMAGE_LIMITS, prepareImage } from './prepare-image.js';
import { readImageFile } from './read-image-file.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-prepare-'));
});
afterAll(() => rm(folder, { recursive: true }));

const SIDE = 256;
const stored = Uint16Array.from({ length: SIDE * SIDE }, (_, index) => (index * 37) % 4096);
const large: Elements = {
  '00101010': ['AS', '060Y'],
  '00280010': ['US', SIDE],
  '00280011': ['US', SIDE],
  '7fe00010': ['OW', Buffer.from(stored.buffer)],
};
const options = {
  recipe: 'txrv-224@1',
  inputSize: { channels: 1, width: 224, height: 224 },
};

/** RLE Lossless in literal runs alone: high bytes, then low ones. Source: PS3.5 Annex G. */
function encodeRle(values: Uint16Array): Buffer {
  const segments = [8, 0].map((shift) => {
    const bytes = Uint8Array.from(values, (value) => value >> shift);
    const runs: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += 128) {
      const run = bytes.subarray(at, at + 128);
      runs.push(Uint8Array.of(run.length - 1), run);
    }
    return Buffer.concat(runs);
  });
  const header = Buffer.alloc(64);
  let offset = header.length;
  [segments.length, ...segments.map(({ length }) => (offset += length) - length)].forEach(
    (word, index) => header.writeUInt32LE(word, 4 * index),
  );
  return Buffer.concat([header, ...segments]);
}

async function prepare(
  bytes: Uint8Array,
  overrides: Partial<Parameters<typeof prepareImage>[1]> = {},
) {
  const path = join(folder, 'image');
  await writeFile(path, bytes);
  return prepareImage({ path }, { ...options, ...overrides });
}

const warnings = (gates: readonly { gate: string; verdict: string }[]) =>
  gates.filter(({ verdict }) => verdict === 'warn').map(({ gate }) => gate);

describe('prepareImage', () => {
  it('makes a tensor of a DICOM file, with its identity and passed gates', async () => {
    const prepared = await prepare(chestFile(large));
    expect(prepared).toMatchObject({
      kind: 'ready',
      identity: { SOPInstanceUID: '1.2.3.4.5' },
    });
    if (prepared.kind === 'ready') {
      expect(prepared.tensor).toHaveLength(224 * 224);
      expect(warnings(prepared.gates)).toEqual([]);
      expect(Math.max(...prepared.tensor)).toBeLessThanOrEqual(1024);
    }
  });

  it('repeats the plane for models of three channels', async () => {
    const prepared = await prepare(chestFile(large), {
      inputSize: { channels: 3, width: 224, height: 224 },
    });
    if (prepared.kind !== 'ready') {
      throw new Error(prepared.detail);
    }
    const plane = 224 * 224;
    expect(prepared.tensor).toHaveLength(3 * plane);
    expect(prepared.tensor.subarray(plane, 2 * plane)).toEqual(prepared.tensor.subarray(0, plane));
  });

  it('gives the same tensor for a file without preamble, and for UIDs that are not valid', async () => {
    const reference = await prepare(chestFile(large));
    const bare = await prepare(encodeElements(chestElements(large), EXPLICIT));
    const nameless = await prepare(chestFile({ ...large, '0020000d': ['UI', '1.02.3'] }));
    if (reference.kind !== 'ready' || bare.kind !== 'ready' || nameless.kind !== 'ready') {
      throw new Error('expected three tensors');
    }
    expect(bare.tensor).toEqual(reference.tensor);
    expect(nameless.tensor).toEqual(reference.tensor);
    expect(nameless.identity).toBeUndefined();
  });

  it('gives the same tensor for a codestream of one fragment and of several, and refuses one that is cut', async () => {
    const codestream = encodeRle(stored);
    const fileOf = (fragments: readonly Uint8Array[]) =>
      Buffer.concat([
        encodeMeta('1.2.840.10008.1.2.5'),
        encodeElements(
          Object.fromEntries(
            Object.entries(chestElements(large)).filter(([tag]) => tag !== '7fe00010'),
          ),
          EXPLICIT,
        ),
        encodeFragments(fragments),
      ]);
    const raw = await prepare(chestFile(large));
    const one = await prepare(fileOf([codestream]));
    const two = await prepare(fileOf([codestream.subarray(0, 1000), codestream.subarray(1000)]));
    if (raw.kind !== 'ready' || one.kind !== 'ready' || two.kind !== 'ready') {
      throw new Error('expected three tensors');
    }
    expect(one.tensor).toEqual(raw.tensor);
    expect(two.tensor).toEqual(raw.tensor);
    const cut = await prepare(fileOf([codestream]).subarray(0, -100));
    expect(cut).toMatchObject({ detail: 'A fragment of the Pixel Data is cut off.' });
    const short = await prepare(fileOf([codestream.subarray(0, -1000)]));
    expect(short).toMatchObject({ kind: 'not-analysed', reason: 'pixel-data-corrupt' });
    const empty = await prepare(fileOf([]));
    expect(empty).toMatchObject({ kind: 'not-analysed', reason: 'pixel-data-corrupt' });
  });

  it('gives the same tensor for the same values as a 16-bit PNG over the same range', async () => {
    const wide = Uint16Array.from(stored, (value) => value * 16);
    const png = await sharp(wide, { raw: { width: SIDE, height: SIDE, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    const fromPng = await prepare(png, { recipe: 'cxr-square@1' });
    const fromDicom = await prepare(chestFile(large), { recipe: 'cxr-square@1' });
    if (fromPng.kind !== 'ready' || fromDicom.kind !== 'ready') {
      throw new Error('expected two tensors');
    }
    expect(warnings(fromPng.gates)).toEqual(['file-format']);
    fromPng.tensor.forEach((value, index) => {
      expect(Math.abs(value - (fromDicom.tensor[index] ?? NaN))).toBeLessThan(1e-5);
    });
  });

  it.each([
    ['another body part', { ...large, '00180015': ['CS', 'HIP'] }, 'not-chest'],
    ['a lateral view', { ...large, '00185101': ['CS', 'LL'] }, 'not-frontal'],
    ['a child', { ...large, '00101010': ['AS', '004Y'] }, 'paediatric'],
    ['a small image', {}, 'image-too-small'],
    ['colour', { ...large, '00280002': ['US', 3], '00280004': ['CS', 'RGB'] }, 'colour'],
    ['frames', { ...large, '00280008': ['IS', '2'] }, 'multi-frame'],
    ['32-bit pixels', { ...large, '00280100': ['US', 32] }, 'pixel-format-unsupported'],
    ['missing pixels', { ...large, '7fe00010': ['OW', Buffer.alloc(0)] }, 'pixel-data-missing'],
    ['short pixels', { ...large, '7fe00010': ['OW', Buffer.alloc(10)] }, 'pixel-data-corrupt'],
  ] satisfies [string, Elements, string][])(
    'ends %s in its reason',
    async (_, elements, reason) => {
      const prepared = await prepare(chestFile(elements));
      expect(prepared).toMatchObject({
        kind: 'not-analysed',
        reason,
        detail: expect.stringMatching(/^[A-Z].*\.$/) as string,
        identity: { StudyInstanceUID: '1.2.3' },
      });
    },
  );

  it('ends files that are no images in their reason', async () => {
    await expect(prepare(Buffer.from('not an image'))).resolves.toMatchObject({
      reason: 'not-dicom',
    });
    await expect(prepare(Buffer.alloc(0))).resolves.toMatchObject({ reason: 'not-dicom' });
    await expect(prepare(chestFile(large).subarray(0, 1000))).resolves.toMatchObject({
      reason: 'pixel-data-corrupt',
    });
    const missing = join(folder, 'missing');
    await expect(prepareImage({ path: missing }, options)).resolves.toMatchObject({
      reason: 'file-unreadable',
    });
  });

  it('keeps the limits of the file and of the image', async () => {
    for (const limits of [{ maxPixels: 1000 }, { maxFileBytes: 1000 }]) {
      await expect(
        prepare(chestFile(large), { limits: { ...DEFAULT_IMAGE_LIMITS, ...limits } }),
      ).resolves.toMatchObject({ reason: 'image-too-large' });
    }
  });

  it('follows the policy of the site', async () => {
    const gatePolicy = gatePolicySchema.parse({ minAgeYears: 3 });
    await expect(
      prepare(chestFile({ ...large, '00101010': ['AS', '004Y'] }), { gatePolicy }),
    ).resolves.toMatchObject({ kind: 'ready' });
  });

  it('throws for a recipe that does not exist', async () => {
    await expect(prepare(chestFile(large), { recipe: 'none@1' })).rejects.toMatchObject({
      code: 'recipe-unknown',
    });
  });
});

describe('readImageFile', () => {
  const raw = (channels: 1 | 3, values: Uint8Array | Uint16Array) =>
    sharp(values, { raw: { width: 16, height: 8, channels } });

  it('keeps every bit of a 16-bit PNG', async () => {
    const values = Uint16Array.from({ length: 128 }, (_, index) => (index * 513 + 7) & 0xffff);
    const png = await raw(1, values).toColourspace('grey16').png().toBuffer();
    const image = await readImageFile(png, 1000);
    expect(image.pixels).toEqual(values);
    expect(image.header.BitsStored).toBe(16);
  });

  it('turns colour into luminance and calls only real colour so', async () => {
    const grey = Uint8Array.from({ length: 384 }, (_, index) => Math.floor(index / 3));
    const greyImage = await readImageFile(await raw(3, grey).png().toBuffer(), 1000);
    expect(greyImage.fromColour).toBe(false);
    expect(greyImage.pixels).toEqual(Uint8Array.from({ length: 128 }, (_, index) => index));
    const red = Uint8Array.from({ length: 384 }, (_, index) => (index % 3 === 0 ? 255 : 0));
    const redImage = await readImageFile(await raw(3, red).png().toBuffer(), 1000);
    expect(redImage.fromColour).toBe(true);
    expect(redImage.pixels[0]).toBe(76);
  });

  it('refuses cut files and declared sizes over the limit', async () => {
    for (const encoded of [
      await raw(1, new Uint8Array(128)).png().toBuffer(),
      await raw(
        1,
        Uint8Array.from({ length: 128 }, (_, i) => (i * 97) & 255),
      )
        .jpeg()
        .toBuffer(),
    ]) {
      await expect(readImageFile(encoded, 127)).rejects.toMatchObject({ code: 'image-too-large' });
      for (const share of [0.3, 0.7, 0.9]) {
        const cut = encoded.subarray(0, Math.floor(encoded.length * share));
        await expect(readImageFile(cut, 1000)).rejects.toMatchObject({
          code: 'pixel-data-corrupt',
        });
      }
    }
  });
});

import { mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { decodeFrame, openFrame } from '../../adapters/dicom/decode-frame.js';
import { readDicom } from '../../adapters/dicom/read-dicom.js';
import type { DecodeOptions } from '../../adapters/dicom/decoders/frame-decoder.js';
import { PipelineError } from '../../core/errors.js';
import { renderEqualityTable } from '../support/decoder-equality-table.js';
import type { EqualityRow } from '../support/decoder-equality-table.js';
import { compareWithPeers } from '../support/decoder-equality.js';
import type { Comparison } from '../support/decoder-equality.js';
import {
  MATRIX_ENCODERS,
  matrixImages,
  matrixPath,
  matrixSource,
} from '../support/encoder-matrix.js';
import type { PeerDecoderName } from '../support/peer-decoders.js';
import { peer } from '../support/peers.js';
import { storedValuesOf } from '../support/stored-values-of.js';
import { describeWithData, filesUnder } from '../support/shared-data.js';

const scratch = mkdtempSync(join(tmpdir(), 'preread-equality-'));
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** Of the matrix, two halvings are left. */
const WHOLE = { maxPixels: 1e7 };
const REDUCED = { maxPixels: 1e7, targetSize: 10 };

const rows: EqualityRow[] = [];

/** Files that say nothing about pixels, or are not images. */
const NO_IMAGES = /charset_files|dicomdirtests|\.(md|txt|json|dump|gz|dat)$|wadors/;

/** Differences that are the peer's, or the nature of the case, with their largest size. */
const EXCEPTIONS: readonly {
  readonly file: RegExp;
  readonly peers: readonly PeerDecoderName[];
  readonly largest: number;
  readonly reason: string;
}[] = [
  {
    file: /SC_rgb_rle_16bit/,
    peers: ['gdcm'],
    largest: 65535,
    reason: 'GDCM mixes the byte planes of 16-bit colour RLE up.',
  },
  {
    file: /SC_rgb_dcmtk_\+eb\+cy|SC_rgb_jpeg_(dcmtk|lossy_gdcm)|examples_ybr_color|IM00001\.frag/,
    peers: ['dcmtk', 'gdcm'],
    largest: 10,
    reason: 'Colour: luma of RGB clipped to its range against Y, where Y lies outside the gamut.',
  },
  {
    file: /HTJ2K_08_RGB|HTJ2K lossy/,
    peers: ['openjpeg'],
    largest: 1,
    reason: 'OpenJPH and OpenJPEG round the irreversible wavelet differently.',
  },
];

function expectEquality(name: string, comparison: Comparison): void {
  for (const [peerName, verdict] of Object.entries(comparison.peers)) {
    if (verdict.kind === 'refused') {
      continue;
    }
    const exception = EXCEPTIONS.find(
      ({ file, peers }) => file.test(name) && peers.some((candidate) => candidate === peerName),
    );
    expect(verdict.largest, `${name} against ${peerName}`).toBeLessThanOrEqual(
      exception?.largest ?? 0,
    );
  }
}

describeWithData('dicom', 'pixels of real files', (folder) => {
  const files = filesUnder(folder).filter((file) => !NO_IMAGES.test(file));

  it.each(files)('equal those of DCMTK, GDCM and OpenJPEG: %s', async (file) => {
    let comparison: Comparison;
    try {
      comparison = await compareWithPeers(join(folder, file), scratch);
    } catch (error) {
      // Broken and imageless objects are there on purpose; each ends in its named error.
      expect(error).toBeInstanceOf(PipelineError);
      return;
    }
    // A palette is looked up in both, but only ours knows the table; its own test covers that.
    if (comparison.header?.PhotometricInterpretation !== 'PALETTE COLOR') {
      expectEquality(file, comparison);
      rows.push({ set: 'real files', comparison });
    }
  });

  it('refuses of the whole collection only what is damaged or not ours to decode', async () => {
    const refused: string[] = [];
    for (const file of files) {
      try {
        const object = readDicom(await readFile(join(folder, file)), { bare: true });
        const TransferSyntaxUID = object.header.TransferSyntaxUID;
        await decodeFrame({ ...object, TransferSyntaxUID }, 0, { maxPixels: 1e8 });
      } catch (error) {
        const code = error instanceof PipelineError ? error.code : String(error);
        if (code !== 'pixel-data-missing') {
          refused.push(`${file}: ${code}`);
        }
      }
    }
    expect(refused).toMatchInlineSnapshot(`
      [
        "ct-one-slice/CTImage.dcm_JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55.dcm: transfer-syntax-unsupported",
        "ct-one-slice/CTImage.dcm_JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53.dcm: transfer-syntax-unsupported",
        "odd/JPEG2000-embedded-sequence-delimiter.dcm: pixel-data-corrupt",
        "odd/MR_truncated.dcm: dicom-truncated",
        "odd/SC_rgb_jpeg.dcm: dicom-truncated",
        "odd/SC_rgb_rle_32bit.dcm: pixel-format-unsupported",
        "odd/SC_rgb_rle_32bit_2frame.dcm: pixel-format-unsupported",
        "odd/badVR.dcm: pixel-format-unsupported",
        "odd/meta_missing_tsyntax.dcm: dicom-unreadable",
        "odd/nested_priv_SQ.dcm: attribute-missing",
        "odd/no_meta.dcm: dicom-unreadable",
        "odd/rtdose.dcm: pixel-format-unsupported",
        "odd/rtdose_1frame.dcm: pixel-format-unsupported",
        "odd/rtdose_expb.dcm: pixel-format-unsupported",
        "odd/rtdose_expb_1frame.dcm: pixel-format-unsupported",
        "odd/rtdose_rle.dcm: pixel-format-unsupported",
        "odd/rtdose_rle_1frame.dcm: pixel-format-unsupported",
        "odd/rtplan_truncated.dcm: dicom-truncated",
      ]
    `);
  });
});

describe('pixels of the generated matrix', () => {
  it.each(matrixImages().map((image) => [label(image), image] as const))(
    'survive every encoder: %s',
    async (_, image) => {
      const source = matrixPath(scratch, image);
      await writeFile(source, matrixSource(image));
      for (const encoder of MATRIX_ENCODERS) {
        const available = encoder.peer === undefined || peer(encoder.peer).kind === 'present';
        if (!available || !encoder.supports(image)) {
          continue;
        }
        const name = `${encoder.name}, ${label(image)}`;
        const path = matrixPath(scratch, image, encoder.name);
        await encoder.encode(source, path, image);
        if (encoder.lossless) {
          expect(Array.from(await decode(path)), name).toEqual(image.values);
          expect(await decodeByRows(path), name).toEqual(image.values);
        }
        const comparison = await compareWithPeers(path, scratch);
        expect(comparison.refusal, name).toBeUndefined();
        expectEquality(name, comparison);
        rows.push({ set: 'generated', comparison });
        await rm(path);
      }
    },
  );

  it.each([
    ['HTJ2K lossless by OpenJPH', { 8: 0, 10: 1, 12: 2, 15: 2, 16: 2 }],
    ['HTJ2K lossy by OpenJPH', { 8: 0, 10: 2, 12: 2, 15: 2, 16: 2 }],
  ])('are halved as often as their bits bear: %s', async (name, halvings) => {
    const [encoder] = MATRIX_ENCODERS.filter((candidate) => candidate.name === name);
    const found: Record<number, number> = {};
    for (const image of matrixImages().filter(({ signed }) => !signed)) {
      const path = matrixPath(scratch, image, 'halved');
      await encoder?.encode(path, path, image);
      const object = readDicom(await readFile(path));
      const { TransferSyntaxUID } = object.header;
      const { reduction } = await decodeFrame({ ...object, TransferSyntaxUID }, 0, REDUCED);
      found[image.bits] = reduction;
    }
    expect(found).toEqual(halvings);
  });

  it.skipIf(peer('dcmtk').kind === 'absent' || peer('gdcm').kind === 'absent')(
    'are never other pixels when the codestream is cut, whatever stands behind the cut',
    async () => {
      const [image] = matrixImages().filter(({ bits, signed }) => bits === 12 && !signed);
      if (image === undefined) {
        throw new Error('no image of 12 bits');
      }
      const source = matrixPath(scratch, image);
      await writeFile(source, matrixSource(image));
      for (const encoder of MATRIX_ENCODERS) {
        const path = matrixPath(scratch, image, `${encoder.name}-cut`);
        const available = encoder.peer === undefined || peer(encoder.peer).kind === 'present';
        if (!available || !encoder.supports(image)) {
          continue;
        }
        await encoder.encode(source, path, image);
        await expectNoWrongPixels(path, encoder.name);
      }
    },
  );
});

describe('the table in docs/decoder-equality.md', () => {
  const whole =
    peer('dcmtk').kind === 'present' &&
    peer('gdcm').kind === 'present' &&
    peer('openjpeg').kind === 'present';

  it.skipIf(!whole)('says what the tests above found', async (context) => {
    if (!rows.some(({ set }) => set === 'real files')) {
      context.skip('the shared data is absent');
    }
    const path = new URL('../../docs/decoder-equality.md', import.meta.url);
    const table = renderEqualityTable(rows, EXCEPTIONS);
    if (process.env['PREREAD_UPDATE_DOCS'] === '1') {
      await writeFile(path, table);
    }
    expect(await readFile(path, 'utf8'), 'run with PREREAD_UPDATE_DOCS=1').toBe(table);
  });
});

/** Cuts a file's frame at many places, bare and with an end marker behind the cut. */
async function expectNoWrongPixels(path: string, name: string): Promise<void> {
  const object = readDicom(await readFile(path));
  const TransferSyntaxUID = object.header.TransferSyntaxUID;
  const whole = await decode(path);
  const reduced = await decode(path, REDUCED);
  if (object.pixelData.kind !== 'encapsulated') {
    return;
  }
  const frame = Buffer.concat(object.pixelData.fragments);
  const end = frame.subarray(frame.lastIndexOf(0xff), frame.lastIndexOf(0xff) + 2);
  for (let step = 1; step < 40; step += 1) {
    const cut = Math.floor((frame.length * step) / 40);
    for (const codestream of [
      frame.subarray(0, cut),
      Buffer.concat([frame.subarray(0, cut), end]),
      Buffer.concat([frame.subarray(0, cut), Buffer.alloc(frame.length - cut)]),
    ]) {
      const pixelData = { kind: 'encapsulated', offsetTable: [], fragments: [codestream] } as const;
      const encoded = { ...object, TransferSyntaxUID, pixelData };
      for (const [expected, read] of [
        [whole, async () => (await decodeFrame(encoded, 0, WHOLE)).pixels],
        [reduced, async () => (await decodeFrame(encoded, 0, REDUCED)).pixels],
        [whole, async () => storedValuesOf(await openFrame(encoded, WHOLE))],
      ] as const) {
        try {
          expect(Array.from(await read()), name).toEqual(Array.from(expected));
        } catch (error) {
          const { code } = error as PipelineError;
          expect(
            ['pixel-data-corrupt', 'pixel-format-unsupported'],
            `${name}: ${String(error)}`,
          ).toContain(code);
        }
      }
    }
  }
}

async function decode(path: string, options: DecodeOptions = WHOLE) {
  const object = readDicom(await readFile(path));
  const TransferSyntaxUID = object.header.TransferSyntaxUID;
  const { pixels } = await decodeFrame({ ...object, TransferSyntaxUID }, 0, options);
  return pixels;
}

async function decodeByRows(path: string) {
  const object = readDicom(await readFile(path));
  const TransferSyntaxUID = object.header.TransferSyntaxUID;
  return storedValuesOf(await openFrame({ ...object, TransferSyntaxUID }, WHOLE));
}

function label({ bits, signed, photometric }: ReturnType<typeof matrixImages>[number]): string {
  return `${bits} bits, ${signed ? 'signed' : 'unsigned'}, ${photometric}`;
}

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { createHtj2kEncoder } from '../../cli/bench/encode-htj2k.js';
import {
  chestElements,
  encodeElements,
  encodeFragments,
  encodeMeta,
  EXPLICIT,
  UIDS,
} from './build-dicom.js';
import type { Elements } from './build-dicom.js';
import { peer } from './peers.js';

const run = promisify(execFile);

/** Odd on purpose: odd frame lengths and incomplete blocks of 8. */
export const MATRIX_ROWS = 47;
export const MATRIX_COLUMNS = 61;

export interface MatrixImage {
  readonly bits: number;
  readonly signed: boolean;
  readonly photometric: string;
  /** Stored values, row-major. */
  readonly values: readonly number[];
}

/** Every depth that radiographs have, signed and unsigned, in both polarities. */
export function matrixImages(): MatrixImage[] {
  const images: MatrixImage[] = [];
  for (const bits of [8, 10, 12, 15, 16]) {
    for (const signed of [false, true]) {
      for (const photometric of ['MONOCHROME1', 'MONOCHROME2']) {
        images.push({ bits, signed, photometric, values: gradientWithNoise(bits, signed) });
      }
    }
  }
  return images;
}

/** A gradient with noise and both extremes: differences of every size, nothing flat. */
function gradientWithNoise(bits: number, signed: boolean): number[] {
  const range = 2 ** bits;
  const low = signed ? -range / 2 : 0;
  let seed = 12345;
  const values = Array.from({ length: MATRIX_ROWS * MATRIX_COLUMNS }, (_, index) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    const x = index % MATRIX_COLUMNS;
    const y = Math.floor(index / MATRIX_COLUMNS);
    const gradient = ((x + y) / (MATRIX_COLUMNS + MATRIX_ROWS)) * range * 0.9;
    return low + Math.min(range - 1, Math.floor(gradient + (seed / 2147483648) * range * 0.05));
  });
  values[100] = low;
  values[101] = low + range - 1;
  values[102] = low;
  return values;
}

/** The source file that every encoder gets: explicit little endian. */
export function matrixSource(image: MatrixImage): Buffer {
  return Buffer.concat([
    encodeMeta(UIDS.ExplicitVRLittleEndian),
    encodeElements(matrixElements(image), EXPLICIT),
  ]);
}

function matrixElements({ bits, signed, photometric, values }: MatrixImage): Elements {
  const bytes = Buffer.alloc(
    values.length * (bits <= 8 ? 1 : 2) + (bits <= 8 ? values.length % 2 : 0),
  );
  values.forEach((value, index) => {
    if (bits <= 8) {
      bytes[index] = value & 0xff;
    } else {
      // Bits above the stored ones stay 0: encoders with a precision of BitsStored refuse them set.
      bytes.writeUInt16LE(value & (2 ** bits - 1), 2 * index);
    }
  });
  return chestElements({
    '00080020': ['DA', '20200101'],
    '00080030': ['TM', '120000'],
    '00080090': ['PN', ''],
    '00100010': ['PN', ''],
    '00100020': ['LO', ''],
    '00280004': ['CS', photometric],
    '00280010': ['US', MATRIX_ROWS],
    '00280011': ['US', MATRIX_COLUMNS],
    '00280100': ['US', bits <= 8 ? 8 : 16],
    '00280101': ['US', bits],
    '00280102': ['US', bits - 1],
    '00280103': ['US', signed ? 1 : 0],
    '7fe00010': [bits <= 8 ? 'OB' : 'OW', bytes],
  });
}

export interface MatrixEncoder {
  readonly name: string;
  /** Peers whose programs it runs. */
  readonly peer: 'dcmtk' | 'gdcm' | 'openjpeg' | undefined;
  readonly lossless: boolean;
  supports(image: MatrixImage): boolean;
  /** Writes the encoded file. */
  encode(source: string, output: string, image: MatrixImage): Promise<void>;
}

export const MATRIX_ENCODERS: readonly MatrixEncoder[] = [
  dcmtk('implicit little endian', 'dcmconv', ['+ti']),
  dcmtk('explicit big endian', 'dcmconv', ['+tb']),
  dcmtk('deflated', 'dcmconv', ['+td']),
  dcmtk('RLE by DCMTK', 'dcmcrle', []),
  dcmtk('JPEG lossless SV1 by DCMTK', 'dcmcjpeg', ['+e1']),
  ...[1, 2, 3, 4, 5, 6, 7].map((predictor) =>
    dcmtk(
      `JPEG lossless, predictor ${predictor}, by DCMTK`,
      'dcmcjpeg',
      ['+el', '+sv', String(predictor)],
      // The polarity changes nothing in a codestream; one is enough for seven predictors.
      { supports: ({ photometric }) => photometric === 'MONOCHROME2' },
    ),
  ),
  dcmtk('JPEG-LS lossless by DCMTK', 'dcmcjpls', ['+el']),
  dcmtk(
    'JPEG-LS with thresholds and a reset of its own by DCMTK',
    'dcmcjpls',
    ['+pc', '+t1', '2', '+t2', '5', '+t3', '11', '+rs', '31'],
    // Of signed images this encoder's own assertions fail.
    { supports: ({ bits, signed }) => bits > 8 && !signed },
  ),
  dcmtk('JPEG-LS near-lossless by DCMTK', 'dcmcjpls', ['+en'], {
    lossless: false,
    supports: ({ signed }) => !signed,
  }),
  dcmtk('JPEG baseline by DCMTK', 'dcmcjpeg', ['+eb'], {
    lossless: false,
    supports: ({ bits, signed }) => bits === 8 && !signed,
  }),
  dcmtk('JPEG extended, 12 bits, by DCMTK', 'dcmcjpeg', ['+ee', '+bt'], {
    lossless: false,
    supports: ({ bits, signed }) => bits > 8 && bits <= 12 && !signed,
  }),
  // gdcmconv aborts on odd rows of bytes.
  { ...gdcm('RLE by GDCM', ['--rle']), supports: ({ bits }) => bits > 8 },
  gdcm('JPEG lossless by GDCM', ['--jpeg']),
  gdcm('JPEG-LS by GDCM', ['--jpegls']),
  gdcm('JPEG 2000 lossless by GDCM', ['--j2k']),
  openJpeg('JPEG 2000 lossless by OpenJPEG', [], true),
  openJpeg('JPEG 2000 lossy by OpenJPEG', ['-I', '-r', '8'], false),
  htj2k('HTJ2K lossless by OpenJPH', true),
  htj2k('HTJ2K lossy by OpenJPH', false),
];

function dcmtk(
  name: string,
  program: string,
  options: readonly string[],
  overrides: Partial<MatrixEncoder> = {},
): MatrixEncoder {
  return {
    name,
    peer: 'dcmtk',
    lossless: true,
    supports: () => true,
    encode: (source, output) => runPeer('dcmtk', program, [...options, source, output]),
    ...overrides,
  };
}

function gdcm(name: string, options: readonly string[]): MatrixEncoder {
  return {
    name,
    peer: 'gdcm',
    lossless: true,
    supports: () => true,
    encode: (source, output) => runPeer('gdcm', 'gdcmconv', [...options, source, output]),
  };
}

/** opj_compress knows no DICOM: it gets raw samples, and its codestream is wrapped here. */
function openJpeg(name: string, options: readonly string[], lossless: boolean): MatrixEncoder {
  return {
    name,
    peer: 'openjpeg',
    lossless,
    // opj_compress refuses raw input of 15 bits.
    supports: ({ bits }) => bits !== 15,
    async encode(source, output, image) {
      const raw = `${source}.rawl`;
      const coded = `${source}.j2k`;
      const { bits, signed, values } = image;
      await writeFile(raw, rawSamples(values, bits));
      const shape = `${MATRIX_COLUMNS},${MATRIX_ROWS},1,${bits},${signed ? 's' : 'u'}`;
      await runPeer('openjpeg', 'opj_compress', ['-i', raw, '-F', shape, '-o', coded, ...options]);
      const uid = lossless ? '1.2.840.10008.1.2.4.90' : '1.2.840.10008.1.2.4.91';
      await writeFile(output, wrap(image, uid, await readFile(coded)));
    },
  };
}

/** The codec's own encoder; its decoders are checked by OpenJPEG. */
function htj2k(name: string, lossless: boolean): MatrixEncoder {
  return {
    name,
    peer: undefined,
    lossless,
    supports: () => true,
    async encode(_, output, image) {
      const { bits, signed, values } = image;
      const encoder = await createHtj2kEncoder();
      const input = encoder.getDecodedBuffer({
        width: MATRIX_COLUMNS,
        height: MATRIX_ROWS,
        bitsPerSample: bits,
        componentCount: 1,
        isSigned: signed,
        isUsingColorTransform: false,
      });
      // The encoder wants signed samples with their sign extended.
      input.set(rawSamples(values, bits));
      encoder.setQuality(lossless, lossless ? 0 : 0.001);
      encoder.encode();
      const uid = lossless ? '1.2.840.10008.1.2.4.201' : '1.2.840.10008.1.2.4.203';
      await writeFile(output, wrap(image, uid, Buffer.from(encoder.getEncodedBuffer())));
      encoder.delete();
    },
  };
}

function wrap(image: MatrixImage, TransferSyntaxUID: string, codestream: Uint8Array): Buffer {
  const header = Object.entries(matrixElements(image)).filter(([tag]) => tag !== '7fe00010');
  const padding = Buffer.alloc(codestream.length % 2);
  return Buffer.concat([
    encodeMeta(TransferSyntaxUID),
    encodeElements(Object.fromEntries(header), EXPLICIT),
    encodeFragments([Buffer.concat([codestream, padding])]),
  ]);
}

function rawSamples(values: readonly number[], bits: number): Buffer {
  const bytes = Buffer.alloc(values.length * (bits <= 8 ? 1 : 2));
  values.forEach((value, index) => {
    if (bits <= 8) {
      bytes[index] = value & 0xff;
    } else {
      bytes.writeUInt16LE(value & 0xffff, 2 * index);
    }
  });
  return bytes;
}

async function runPeer(name: 'dcmtk' | 'gdcm' | 'openjpeg', program: string, args: string[]) {
  const state = peer(name);
  if (state.kind === 'absent') {
    throw new Error(state.reason);
  }
  await run(state.peer.program(program), args, { timeout: 60_000 });
}

/** Where a source and its encodings are written. */
export function matrixPath(folder: string, image: MatrixImage, encoder?: string): string {
  const name = [image.bits, image.signed ? 's' : 'u', image.photometric, encoder ?? 'source'];
  return join(folder, `${name.join('-').replaceAll(/[^\w-]+/g, '_')}.dcm`);
}

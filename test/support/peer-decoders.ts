import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { readDicom } from '../../adapters/dicom/read-dicom.js';
import { fragmentsOfFrame } from '../../adapters/dicom/pixel-data.js';
import { peer } from './peers.js';

const run = promisify(execFile);

/** What a peer made of the first frame: its stored samples, or why it has none. */
export type PeerFrame =
  | {
      readonly kind: 'decoded';
      /** Shape: [height, width, components]; for YBR_FULL_422 as it is stored, Y Y Cb Cr. */
      readonly samples: Float64Array;
      readonly components: number;
      readonly PhotometricInterpretation: string;
    }
  | { readonly kind: 'refused'; readonly reason: string };

export type PeerDecoder = (path: string, scratch: string) => Promise<PeerFrame | undefined>;

/** The decoders to compare with; undefined from one that does not know the syntax. */
export const PEER_DECODERS = {
  dcmtk: decodeWithDcmtk,
  gdcm: decodeWithGdcm,
  openjpeg: decodeWithOpenJpeg,
} as const satisfies Record<string, PeerDecoder>;

export type PeerDecoderName = keyof typeof PEER_DECODERS;

const NATIVE = ['1.2.840.10008.1.2', '1.2.840.10008.1.2.1', '1.2.840.10008.1.2.2'];
const DEFLATED = '1.2.840.10008.1.2.1.99';

async function decodeWithDcmtk(path: string, scratch: string): Promise<PeerFrame | undefined> {
  const state = peer('dcmtk');
  const { header } = readDicom(await readFile(path), { bare: true });
  const uid: string = header.TransferSyntaxUID;
  const program = NATIVE.includes(uid) || uid === DEFLATED ? 'dcmconv' : dcmtkProgram(uid);
  if (state.kind === 'absent' || program === undefined) {
    return undefined;
  }
  const options = {
    dcmconv: ['+te'],
    dcmdjpeg: ['+cn', '+te'],
    dcmdjpls: ['+te'],
    dcmdrle: ['+te'],
  }[program];
  return convert(state.peer.program(program), (output) => [...options, path, output], scratch);
}

function dcmtkProgram(uid: string): 'dcmdjpeg' | 'dcmdjpls' | 'dcmdrle' | undefined {
  if (/\.4\.(50|51|57|70)$/.test(uid)) {
    return 'dcmdjpeg';
  }
  if (/\.4\.8[01]$/.test(uid)) {
    return 'dcmdjpls';
  }
  return uid === '1.2.840.10008.1.2.5' ? 'dcmdrle' : undefined;
}

async function decodeWithGdcm(path: string, scratch: string): Promise<PeerFrame | undefined> {
  const state = peer('gdcm');
  const { header } = readDicom(await readFile(path), { bare: true });
  // GDCM 3.0 does not know HTJ2K.
  if (state.kind === 'absent' || /\.4\.20[123]$/.test(header.TransferSyntaxUID)) {
    return undefined;
  }
  return convert(state.peer.program('gdcmconv'), (output) => ['--raw', path, output], scratch);
}

/** The bare codestream of JPEG 2000 and HTJ2K through opj_decompress, for syntaxes that others lack. */
async function decodeWithOpenJpeg(path: string, scratch: string): Promise<PeerFrame | undefined> {
  const state = peer('openjpeg');
  const { header, pixels, pixelData } = readDicom(await readFile(path));
  if (
    state.kind === 'absent' ||
    !/\.4\.(90|91|201|202|203)$/.test(header.TransferSyntaxUID) ||
    // opj_decompress writes signed samples of a byte with an offset.
    (pixels.PixelRepresentation === 1 && pixels.BitsAllocated === 8) ||
    pixelData.kind !== 'encapsulated'
  ) {
    return undefined;
  }
  const name = randomUUID();
  const input = join(scratch, `${name}.j2k`);
  const output = join(scratch, `${name}.rawl`);
  await writeFile(input, Buffer.concat(fragmentsOfFrame(pixelData, 0, pixels.NumberOfFrames)));
  try {
    await run(state.peer.program('opj_decompress'), ['-i', input, '-o', output], {
      timeout: 60_000,
    });
    // Planes one after another; one byte a sample up to eight bits, little endian above.
    const bytes = await readFile(output);
    const count = pixels.Rows * pixels.Columns * pixels.SamplesPerPixel;
    const planar = readSamples(bytes, count, bytes.length / count === 2 ? 16 : 8);
    return {
      kind: 'decoded',
      samples: interleave(planar, pixels.SamplesPerPixel),
      components: pixels.SamplesPerPixel,
      // opj_decompress undoes the colour transform of the codestream.
      PhotometricInterpretation: pixels.SamplesPerPixel === 1 ? 'MONOCHROME2' : 'RGB',
    };
  } catch (error) {
    return { kind: 'refused', reason: firstLine(error) };
  } finally {
    await rm(input, { force: true });
    await rm(output, { force: true });
  }
}

/** Runs a converter to explicit little endian and takes its first frame. */
async function convert(
  program: string,
  args: (output: string) => string[],
  scratch: string,
): Promise<PeerFrame> {
  const output = join(scratch, `${randomUUID()}.dcm`);
  try {
    await run(program, args(output), { timeout: 60_000 });
    const { header, pixels, pixelData } = readDicom(await readFile(output));
    if (pixelData.kind !== 'native' || pixelData.bigEndian) {
      return { kind: 'refused', reason: `left as ${header.TransferSyntaxUID}` };
    }
    const { PhotometricInterpretation } = pixels;
    const subsampled =
      PhotometricInterpretation === 'YBR_FULL_422' &&
      pixelData.bytes.length < 3 * pixels.Rows * pixels.Columns;
    const count = pixels.Rows * pixels.Columns * (subsampled ? 2 : pixels.SamplesPerPixel);
    const raw = readSamples(pixelData.bytes, count, pixels.BitsAllocated);
    const planar = pixels.PlanarConfiguration === 1;
    return {
      kind: 'decoded',
      samples: planar ? interleave(raw, pixels.SamplesPerPixel) : raw,
      components: subsampled ? 2 : pixels.SamplesPerPixel,
      PhotometricInterpretation,
    };
  } catch (error) {
    return { kind: 'refused', reason: firstLine(error) };
  } finally {
    await rm(output, { force: true });
  }
}

/** Unsigned samples, written out independently of the decoder under test. */
function readSamples(bytes: Uint8Array, count: number, bits: number): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: count }, (_, index) => {
    if (bits === 1) {
      return (view.getUint8(index >> 3) >> (index & 7)) & 1;
    }
    return bits === 8 ? view.getUint8(index) : view.getUint16(2 * index, true);
  });
}

function interleave(planar: Float64Array, components: number): Float64Array {
  const pixels = planar.length / components;
  return planar.map(
    (_, index) => planar[(index % components) * pixels + Math.floor(index / components)] ?? NaN,
  );
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n').slice(0, 2).join(' ');
}

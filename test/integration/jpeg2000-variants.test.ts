import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, expect, it } from 'vitest';

import { codestreamOf } from '../../adapters/dicom/decoders/codestream.js';
import { decodePlainJpeg2000 } from '../../adapters/dicom/decoders/jpeg2000-kernel.js';
import { readJpeg2000 } from '../../adapters/dicom/decoders/jpeg2000-markers.js';
import { decodeJpeg2000 } from '../../adapters/dicom/decoders/jpeg2000.js';
import type { PixelHeader } from '../../core/dicom/instance-header.js';
import { largestDifference, waves } from '../support/coded-samples.js';
import type { Shape } from '../support/coded-samples.js';
import { describeWithPeer } from '../support/peers.js';
import { pixelHeader } from '../support/pixel-header.js';

const run = promisify(execFile);
const scratch = mkdtempSync(join(tmpdir(), 'preread-jpeg2000-'));
afterAll(() => rm(scratch, { recursive: true, force: true }));

const LARGE = { width: 323, height: 517, bits: 12, signed: false } as const;

/** What encoders may choose, each alone and in the company that it is met in. */
const OPTIONS: readonly (readonly [options: string, shape: Shape])[] = [
  ['', LARGE],
  ['', { ...LARGE, bits: 16, signed: true }],
  ['', { ...LARGE, bits: 8 }],
  ['-n 1', { ...LARGE, width: 1 }],
  ['-n 2', { ...LARGE, width: 2, height: 3 }],
  ['-n 3', { ...LARGE, width: 4, height: 5 }],
  ['', { ...LARGE, width: 64, height: 64 }],
  ['-n 1', LARGE],
  ['-n 2', { ...LARGE, bits: 16 }],
  ['-n 9', LARGE],
  ['-b 32,32', LARGE],
  ['-b 4,1024', LARGE],
  ['-b 1024,4', { ...LARGE, width: 2100, height: 41 }],
  ['-b 16,64 -c [128,64],[64,64],[32,32]', LARGE],
  ['-p RLCP -r 30,10,1', LARGE],
  ['-p RPCL -c [64,64]', LARGE],
  ['-p PCRL -c [64,32],[32,64] -r 20,1', LARGE],
  ['-p CPRL -c [128,128]', LARGE],
  ['-r 40,20,10,5,2,1', LARGE],
  ['-SOP -EPH -r 20,1', LARGE],
  ['-TP R -r 20,1', LARGE],
  ['-TP L -r 30,15,1', LARGE],
  ['-r 12', LARGE],
  ['-I', LARGE],
  ['-I -r 10', { ...LARGE, bits: 16, signed: true }],
  ['-I -r 30,10 -p RPCL -c [64,64]', LARGE],
  ['-I -n 3', { ...LARGE, width: 5, height: 4 }],
];

/** Not plain: other decoders are there for them. */
const OTHERS: readonly string[] = [
  '-t 128,128',
  '-d 16,16',
  '-M 1',
  '-M 4',
  '-M 8',
  '-M 32',
  '-ROI c=0,U=3',
  '-POC T1=0,0,1,3,1,CPRL/T1=3,0,1,6,1,CPRL',
];

describeWithPeer('openjpeg', 'plain JPEG 2000', (openjpeg) => {
  async function encode(options: string, shape: Shape): Promise<Buffer> {
    const { width, height, bits, signed } = shape;
    const raw = join(scratch, 'image.rawl');
    const coded = join(scratch, 'image.j2k');
    await writeFile(raw, waves(shape));
    const form = `${width},${height},1,${bits},${signed ? 's' : 'u'}`;
    const more = options.split(' ').filter((option) => option !== '');
    await run(openjpeg.program('opj_compress'), ['-i', raw, '-F', form, '-o', coded, ...more]);
    return readFile(coded);
  }

  /** What OpenJPEG makes of it, halved so often. */
  async function decodeByPeer(stream: Buffer, reduction: number, { bits }: Shape) {
    const coded = join(scratch, 'peer.j2k');
    const raw = join(scratch, 'peer.rawl');
    await writeFile(coded, stream);
    await run(openjpeg.program('opj_decompress'), [
      '-i',
      coded,
      '-o',
      raw,
      '-r',
      String(reduction),
    ]);
    const bytes = await readFile(raw);
    return bits <= 8
      ? Uint16Array.from(bytes)
      : Uint16Array.from({ length: bytes.length / 2 }, (_, at) => bytes.readUInt16LE(2 * at));
  }

  it.each(OPTIONS)(
    'is what OpenJPEG decodes, at every resolution: %s %o',
    async (options, shape) => {
      const bytes = await encode(options, shape);
      const stream = codestreamOf(bytes);
      const { plain, width, height, precision, signFlags } = readJpeg2000(stream);
      if (plain === undefined) {
        throw new Error('not plain');
      }
      const image = { width, height, precision, signed: signFlags.length === 1 };
      for (let reduction = 0; reduction <= plain.decompositions; reduction += 1) {
        const expected = await decodeByPeer(bytes, reduction, shape);
        const detail = { reduction, contrastLimit: 0 };
        const ours = decodePlainJpeg2000(stream, plain, image, detail)?.data;
        const worst = largestDifference(ours, expected);
        expect(worst, `halved ${String(reduction)} times`).toBe(0);
      }
    },
    60_000,
  );

  it.each(OTHERS)('is not what is coded with %s', async (options) => {
    expect(readJpeg2000(codestreamOf(await encode(options, LARGE))).plain).toBeUndefined();
  });

  it.each(['', '-I'])('is close to it without low bit planes %s', async (options) => {
    const stream = codestreamOf(await encode(options, LARGE));
    const { plain, ...size } = readJpeg2000(stream);
    if (plain === undefined) {
      throw new Error('not plain');
    }
    const decode = (contrastLimit: number) => {
      const detail = { reduction: 1, contrastLimit };
      const decoded = decodePlainJpeg2000(stream, plain, { ...size, signed: false }, detail);
      return Float64Array.from(decoded?.data ?? []);
    };
    const exact = decode(0);
    const squares = decode(Infinity).map((sample, at) => (sample - (exact[at] ?? NaN)) ** 2);
    const rms = Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
    expect(rms).toBeGreaterThan(0);
    expect(decode(100)).toEqual(exact);
    expect(rms).toBeLessThan((exact.reduce((a, b) => Math.max(a, b), 0) * 2) / 512);
  });

  it('keeps all bit planes where the header does not tell how much contrast counts', async () => {
    const stream = codestreamOf(await encode('', LARGE));
    const { plain, ...size } = readJpeg2000(stream);
    if (plain === undefined) {
      throw new Error('not plain');
    }
    const detail = { reduction: 1, contrastLimit: 0 };
    const exact = decodePlainJpeg2000(stream, plain, { ...size, signed: false }, detail)?.data;
    const decode = async (changes: Partial<PixelHeader>) => {
      const header = pixelHeader({ Rows: LARGE.height, Columns: LARGE.width, ...changes });
      const options = { maxPixels: 1e6, targetSize: 100 };
      const { data, reduction } = await decodeJpeg2000(stream, header, options);
      expect(reduction).toBe(1);
      return data.slice();
    };
    expect(await decode({})).not.toEqual(exact);
    expect(await decode({ PixelPaddingValue: 0 })).toEqual(exact);
    const narrow = { center: 2048, width: 100, function: 'LINEAR' } as const;
    expect(await decode({ windows: [narrow] })).toEqual(exact);
    expect(await decode({ windows: [{ ...narrow, width: 4096 }] })).not.toEqual(exact);
  });

  it('is refused when packets reach beyond its end', async () => {
    const stream = codestreamOf(await encode('', LARGE));
    const { plain, ...size } = readJpeg2000(stream);
    const [body] = plain?.bodies ?? [];
    if (plain === undefined || body === undefined) {
      throw new Error('not plain');
    }
    const cut = { ...plain, bodies: [{ ...body, length: Math.floor(body.length / 2) }] };
    const detail = { reduction: 0, contrastLimit: 0 };
    expect(() => decodePlainJpeg2000(stream, cut, { ...size, signed: false }, detail)).toThrow(
      expect.objectContaining({ code: 'pixel-data-corrupt' }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeFrame } from '../../adapters/dicom/decode-frame.js';
import { codestreamOf } from '../../adapters/dicom/decoders/codestream.js';
import { FRAME_DECODERS } from '../../adapters/dicom/decoders/registry.js';
import { readDicom, readIdentity } from '../../adapters/dicom/read-dicom.js';
import { PipelineError } from '../../core/errors.js';
import { createRandom, mutate } from '../../scripts/fuzz/mutate.js';
import {
  chestElements,
  chestFile,
  encodeElements,
  encodeMeta,
  EXPLICIT,
  IMPLICIT,
  UIDS,
} from '../support/build-dicom.js';
import { encodeJpegLossless } from '../support/encode-jpeg-lossless.js';
import { pixelHeader } from '../support/pixel-header.js';

/** Short and repeatable; scripts/fuzz-decoders.ts is the long run. */
const parameters = { seed: 20240501, numRuns: 400 };

const options = { maxPixels: 1e6, maxInflatedBytes: 1e6 };

/** Anything but one of our named errors is a finding. */
async function expectNamed(run: () => unknown): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code === 'internal') {
      throw error;
    }
  }
}

async function readAndDecode(bytes: Uint8Array): Promise<void> {
  const object = readDicom(bytes, { bare: true, maxInflatedBytes: options.maxInflatedBytes });
  const TransferSyntaxUID = object.header.TransferSyntaxUID;
  await decodeFrame({ ...object, TransferSyntaxUID }, 0, options);
}

const sequence = chestFile({
  '00081115': ['SQ', [{ '00080060': ['CS', 'CR'], '0020000e': ['UI', '1.2.3'] }]],
  '00283010': [
    'SQ',
    [{ '00283002': ['US', [2, 0, 16]], '00283006': ['OW', Buffer.from([1, 2, 3, 4])] }],
  ],
});
const implicit = Buffer.concat([
  encodeMeta(UIDS.ImplicitVRLittleEndian),
  encodeElements(chestElements(), IMPLICIT),
]);
const bare = encodeElements(chestElements(), EXPLICIT);

describe('the parser', () => {
  it('ends any bytes in a named error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async (bytes) => {
        await expectNamed(() => readAndDecode(bytes));
        await expectNamed(() => readIdentity(bytes, false));
        const withMeta = Buffer.concat([encodeMeta(UIDS.ExplicitVRLittleEndian), bytes]);
        await expectNamed(() => readAndDecode(withMeta));
      }),
      parameters,
    );
  });

  it('ends mutated objects in pixels or a named error', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(sequence, implicit, bare),
        fc.constantFrom(sequence, implicit, bare),
        fc.integer(),
        async (file, other, seed) => {
          const bytes = mutate(file, other, createRandom(seed));
          await expectNamed(() => readAndDecode(bytes));
        },
      ),
      { ...parameters, numRuns: 2000 },
    );
  });

  it('survives sequences nested beyond any stack', async () => {
    const item = Buffer.from('0800111553510000fffffffffeff00e0ffffffff', 'hex');
    const nested = Buffer.concat([
      encodeMeta(UIDS.ExplicitVRLittleEndian),
      ...Array.from({ length: 100_000 }, () => item),
    ]);
    await expectNamed(() => readAndDecode(nested));
  });
});

describe('every decoder', () => {
  const syntaxes = Object.keys(FRAME_DECODERS) as (keyof typeof FRAME_DECODERS)[];
  const header = pixelHeader({ Rows: 16, Columns: 16 });
  const values = Array.from({ length: 256 }, (_, index) => (index * 37) % 4096);
  const lossless = encodeJpegLossless(
    { width: 16, height: 16, precision: 12, components: 1, values },
    { predictor: 1 },
  );

  it.each(syntaxes)('%s ends any bytes in a named error', async (syntax) => {
    const decode = FRAME_DECODERS[syntax];
    const starts = [[], [0xff, 0xd8, 0xff], [0xff, 0x4f, 0xff, 0x51, 0, 41], [1, 0, 0, 0, 64]];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...starts),
        fc.uint8Array({ maxLength: 300 }),
        async (start, bytes) => {
          const stream = Buffer.concat([Buffer.from(start), bytes]);
          await expectNamed(() => decode?.(codestreamOf(stream), header, options));
        },
      ),
      parameters,
    );
  });

  it('of JPEG lossless ends mutated streams in pixels or a named error', async () => {
    const decode = FRAME_DECODERS['1.2.840.10008.1.2.4.70'];
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const stream = mutate(lossless, lossless, createRandom(seed));
        await expectNamed(async () => {
          const samples = await decode?.(codestreamOf(stream), header, options);
          expect(samples?.data).toHaveLength(256);
        });
      }),
      { ...parameters, numRuns: 3000 },
    );
  });
});

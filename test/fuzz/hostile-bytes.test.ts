import fc from 'fast-check';
import sharp from 'sharp';
import { expect, it } from 'vitest';

import { createRandom } from '../../scripts/fuzz/mutate.js';
import { bytesOf, RUN, TARGETS } from '../../scripts/fuzz/targets.js';
import { chestFile } from '../support/build-dicom.js';

/** The short, seeded version of scripts/fuzz-decoders.ts, which runs real files. */
it.each(TARGETS)('mutated, %s ends in a named error or in what it should give', async (target) => {
  const create = { width: 96, height: 80, channels: 3, background: '#204060' } as const;
  const files = new Map<string, Buffer>([
    ['chest', chestFile()],
    ['png', await sharp({ create }).png().toBuffer()],
    ['jpeg', await sharp({ create }).jpeg({ progressive: true }).toBuffer()],
  ]);
  const corpus = { dicom: ['chest'], pictures: ['png', 'jpeg'] };
  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const random = createRandom(seed);
      const bytes = bytesOf(target, corpus, random, (name) => files.get(name) ?? Buffer.alloc(0));
      outcomes.add(await RUN[target](bytes, random));
    }),
    { seed: 20240501, numRuns: 400 },
  );
  expect(outcomes.size).toBeGreaterThan(1);
});

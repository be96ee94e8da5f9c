import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { packageRoot } from '../../adapters/process/package-info.js';
import type { ImageClassification } from '../../core/inference/image-classifier.js';
import { silentLogger } from '../../core/log.js';
import { openClassifier, type OpenClassifier } from '../../workers/inference/open-classifier.js';
import { chestFile } from '../support/build-dicom.js';
import { chestDicomFiles, describeWithData } from '../support/chest-data.js';
import { classifierConfig } from '../support/classifier-config.js';

const DATA = join(packageRoot, '..', 'shared', 'data');
/** The header of a picture says nothing, so the pixels decide. */
const PICTURE = join(DATA, 'nih-cxr14-subset', 'images', '00000003_001.jpg');

function failed({ gates }: ImageClassification): string[] {
  return gates
    .filter(({ gate, verdict }) => verdict !== 'pass' && gate !== 'file-format')
    .map(({ gate, verdict }) => `${gate} ${verdict}`);
}

describeWithData('the gates on real images, with the shipped model', () => {
  let folder: string;
  let open: OpenClassifier;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'preread-gates-'));
    const config = classifierConfig('preread-cxr14', {
      PREREAD_INFERENCE_PROCESSES: 1,
      // The patient of the tibia is a child.
      PREREAD_MIN_AGE_YEARS: 0,
    });
    open = await openClassifier({ logger: silentLogger }, config);
  });

  afterAll(async () => {
    await open.classifier.close();
    await rm(folder, { recursive: true });
  });

  async function classify(name: string, bytes: Uint8Array): Promise<ImageClassification> {
    const path = join(folder, name);
    await writeFile(path, bytes);
    return open.classifier.classify({ path });
  }

  test('every chest radiograph in DICOM is scored, the wrongly labelled MONOCHROME1 the right way', async () => {
    for (const { name, bytes } of chestDicomFiles()) {
      const result = await classify(name, bytes);
      expect([name, result.kind]).toEqual([name, 'scored']);
      expect(result.gates).toContainEqual({ gate: 'not-chest', verdict: 'pass' });
      const corrected = failed(result).includes('polarity warn');
      expect([name, corrected]).toEqual([name, name === 'rsna-mono1-jpeg.dcm']);
    }
  });

  test('a picture passes; inverted it gets the same scores and a warning; turned, a warning', async () => {
    const grey = await sharp(readFileSync(PICTURE)).greyscale().png().toBuffer();
    const plain = await classify('plain.png', grey);
    const inverted = await classify('inverted.png', await sharp(grey).negate().png().toBuffer());
    const turned = await classify('turned.png', await sharp(grey).rotate(90).png().toBuffer());
    expect(failed(plain)).toEqual([]);
    expect(failed(inverted)).toEqual(['polarity warn']);
    expect(failed(turned)).toContain('rotation warn');
    if (plain.kind !== 'scored' || inverted.kind !== 'scored') {
      throw new Error('the picture was not scored');
    }
    plain.logits.forEach((logit, index) => {
      // Rounding of the resampled values in float32.
      expect(inverted.logits[index]).toBeCloseTo(logit, 3);
    });
  });

  // Both were among the shipped gate's training pictures: this holds the wiring, docs/gates.md the measurement.
  test.each(['RG2_JPLY.dcm', 'RG3_JPLY.dcm'])(
    '%s, relabelled as a chest, is refused by the model',
    async (name) => {
      const bytes = readFileSync(join(DATA, 'dicom', 'wg04', name));
      expect(await classify(name, asChest(bytes))).toMatchObject({
        kind: 'not-analysed',
        reason: 'not-chest',
      });
    },
  );

  test('a picture without its lower third is warned of', async () => {
    const grey = sharp(readFileSync(PICTURE)).greyscale();
    const { width, height } = await grey.metadata();
    const upper = grey.extract({ left: 0, top: 0, width, height: Math.round(height * 0.65) });
    const cut = await classify('cut.png', await upper.png().toBuffer());
    expect(failed(cut)).toContain('cropped warn');
  });

  test('a blank picture is refused', async () => {
    const create = { width: 512, height: 512, channels: 3, background: '#777777' } as const;
    const blank = await sharp({ create }).greyscale().png().toBuffer();
    expect(await classify('blank.png', blank)).toMatchObject({
      kind: 'not-analysed',
      reason: 'image-blank',
    });
  });
});

describe('the rules of a site, in the processes that classify', () => {
  test('refuse and warn by any attribute', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'preread-rules-'));
    const rules = join(folder, 'rules.yaml');
    await writeFile(
      rules,
      `
rules:
  - { name: marked, when: { attribute: PatientOrientation, exists: true }, action: warn, because: Marked. }
  - { name: room, when: { attribute: StationName, matches: 'ROOM?' }, action: refuse, because: Not ours. }
`,
    );
    const config = classifierConfig('preread-cxr14', {
      PREREAD_INFERENCE_PROCESSES: 1,
      PREREAD_RULES: rules,
    });
    const { classifier } = await openClassifier({ logger: silentLogger }, config);
    try {
      const path = join(folder, 'image.dcm');
      await writeFile(path, chestFile({ '00081010': ['SH', 'room1'], '00200020': ['CS', 'L\\F'] }));
      expect(await classifier.classify({ path })).toMatchObject({
        kind: 'not-analysed',
        reason: 'site-rule',
        detail: 'Not ours. (rule room)',
        gates: [
          { gate: 'site-rules', verdict: 'warn', detail: 'Marked. (rule marked)' },
          { gate: 'site-rules', verdict: 'refuse' },
        ],
      });
    } finally {
      await classifier.close();
      await rm(folder, { recursive: true });
    }
  });
});

/** Body Part Examined of the same length, so that nothing else in the file moves. */
function asChest(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  const tag = Buffer.from([0x18, 0x00, 0x15, 0x00]);
  const at = changed.indexOf(tag);
  if (at >= 0) {
    // Explicit VR: tag, VR, 16-bit length.
    const length = changed.readUInt16LE(at + 6);
    changed.write('LUNG'.padEnd(length).slice(0, length), at + 8, 'latin1');
  }
  return changed;
}

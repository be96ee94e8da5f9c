import { join } from 'node:path';

import { expect, it } from 'vitest';

import { prepareImage } from '../../adapters/dicom/prepare-image.js';
import { describeWithData, filesUnder } from '../support/shared-data.js';

const inputSize = { channels: 1, width: 224, height: 224 };

async function prepare(path: string, recipe: string) {
  return prepareImage({ path }, { recipe, inputSize });
}

async function tensorOf(path: string, recipe: string): Promise<Float32Array> {
  const prepared = await prepare(path, recipe);
  if (prepared.kind !== 'ready') {
    throw new Error(`${prepared.reason}: ${prepared.detail}`);
  }
  return prepared.tensor;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, index) => Math.max(most, Math.abs(value - (b[index] ?? NaN))), 0);
}

describeWithData('dicom/chest', 'real chest radiographs', (folder) => {
  const warned = async (file: string) => {
    const { gates } = await prepare(join(folder, file), 'cxr-square@1');
    return gates.filter(({ verdict }) => verdict === 'warn').map(({ gate }) => gate);
  };

  it.each(filesUnder(folder))('become tensors in the range of each recipe: %s', async (file) => {
    for (const [recipe, limit] of [
      ['cxr-square@1', 1],
      ['txrv-224@1', 1024],
      ['txrv-224-voi@1', 1024],
    ] as const) {
      const tensor = await tensorOf(join(folder, file), recipe);
      expect(tensor).toHaveLength(224 * 224);
      const low = tensor.reduce((least, value) => Math.min(least, value));
      const high = tensor.reduce((most, value) => Math.max(most, value));
      expect(low).toBeGreaterThanOrEqual(-limit);
      expect(high).toBeLessThanOrEqual(limit);
      // A radiograph uses a good part of the scale: nothing is blank, clipped away or not a number.
      expect(high - low).toBeGreaterThan(0.3 * limit);
    }
  });

  it('warn of what their headers leave open', async () => {
    expect(await warned('nema-rg1-j2k-lossy.dcm')).toEqual([]);
    expect(await warned('rsna-mono2-jpeg.dcm')).toEqual(['sop-class']);
    expect(await warned('nih-udacity-1.dcm')).toEqual(['sop-class', 'view']);
    expect(await warned('nih-google-nofinding.dcm')).toEqual(['sop-class', 'body-part', 'view']);
  });

  it('are inverted where MONOCHROME1 says so', async () => {
    const [one, two] = await Promise.all([
      tensorOf(join(folder, 'rsna-mono1-jpeg.dcm'), 'txrv-224@1'),
      tensorOf(join(folder, 'rsna-mono2-jpeg.dcm'), 'txrv-224@1'),
    ]);
    // The same codestream under both names.
    const negative = two.map((value) => -value);
    expect(largestDifference(one, negative)).toBeLessThan(1e-3);
  });

  it('give the same numbers by both TorchXRayVision recipes where the header asks for nothing', async () => {
    const path = join(folder, 'nih-udacity-2.dcm');
    const plain = await tensorOf(path, 'txrv-224@1');
    const chain = await tensorOf(path, 'txrv-224-voi@1');
    expect(largestDifference(plain, chain)).toBeLessThan(1e-3);
  });
});

describeWithData('dicom/wg04', 'radiographs of a hip and a shin', (folder) => {
  it.each(filesUnder(folder))(
    'are refused by name, whatever their compression: %s',
    async (file) => {
      await expect(prepare(join(folder, file), 'cxr-square@1')).resolves.toMatchObject({
        kind: 'not-analysed',
        reason: 'not-chest',
      });
    },
  );
});

describeWithData('dicom/ct-one-slice', 'CT slices', (folder) => {
  it('are refused before their pixels are decoded', async () => {
    for (const file of filesUnder(folder).filter((name) => name.startsWith('CT'))) {
      await expect(prepare(join(folder, file), 'cxr-square@1')).resolves.toMatchObject({
        kind: 'not-analysed',
        reason: 'sop-class-not-analysed',
      });
    }
  });
});

import { describe, expect, it } from 'vitest';

import { ATTENUATION_PER_MM } from './materials.js';
import { createRandom } from './random.js';
import { thoraxPhantom, type PhantomImage, type PhantomOptions } from './thorax-phantom.js';

const SIZE = 160;
const phantom = (options: PhantomOptions = {}, seed = 'test'): PhantomImage =>
  thoraxPhantom(createRandom(seed), { Rows: SIZE, Columns: SIZE, ...options });

/** Mean stored value within `radiusMm` of a point of the patient. */
function meanAt(image: PhantomImage, x: number, y: number, radiusMm = 5): number {
  const { column, row } = image.projection.pixel({ x, y, z: 0 });
  const reach = radiusMm / image.imagerPixelSpacingMm;
  let sum = 0;
  let count = 0;
  for (let r = Math.ceil(row - reach); r <= row + reach; r += 1) {
    for (let c = Math.ceil(column - reach); c <= column + reach; c += 1) {
      sum += image.pixels[r * image.Columns + c] ?? Number.NaN;
      count += 1;
    }
  }
  return sum / count;
}

describe('thoraxPhantom', () => {
  it('shows dense tissue bright: air, lung, heart, spine in this order', () => {
    const image = phantom();
    const outside = image.pixels[0] ?? Number.NaN;
    const lung = meanAt(image, -80, 120, 12);
    const heart = meanAt(image, 45, 190, 12);
    const spine = meanAt(image, 0, 200, 8);
    expect(outside).toBeLessThan(100);
    expect(lung).toBeGreaterThan(outside + 200);
    expect(heart).toBeGreaterThan(lung + 500);
    expect(spine).toBeGreaterThan(heart + 100);
  });

  it('uses the 12 bits without clipping the body', () => {
    const { pixels, BitsStored } = phantom();
    const sorted = pixels.toSorted();
    expect(BitsStored).toBe(12);
    expect(sorted.at(-1)).toBeLessThanOrEqual(4095);
    expect(sorted[Math.floor(0.98 * sorted.length)]).toBeLessThan(4000);
    expect(sorted[Math.floor(0.9 * sorted.length)]).toBeGreaterThan(2500);
  });

  it('is the same for the same seed, and another person for another', () => {
    expect(phantom({}, 'a').pixels).toEqual(phantom({}, 'a').pixels);
    const other = phantom({}, 'b').pixels;
    const differing = phantom({}, 'a').pixels.filter((value, index) => value !== other[index]);
    expect(differing.length).toBeGreaterThan(0.3 * SIZE * SIZE);
  });

  it('makes MONOCHROME1 the exact inverse, window included', () => {
    const bright = phantom();
    const dark = phantom({ PhotometricInterpretation: 'MONOCHROME1' });
    expect(dark.pixels).toEqual(bright.pixels.map((value) => 4095 - value));
    expect(dark.windowCenter).toBe(4095 - bright.windowCenter);
    expect(dark.windowWidth).toBe(bright.windowWidth);
  });

  it.each(['left', 'right'] as const)(
    'an effusion whitens the %s base and spares the rest',
    (side) => {
      const normal = phantom();
      const ill = phantom({ pathology: { kind: 'effusion', side, heightMm: 60 } });
      const sign = side === 'left' ? 1 : -1;
      const top = normal.thorax.domeTopMm[sign === 1 ? 1 : -1];
      const change = (x: number, y: number): number => meanAt(ill, x, y) - meanAt(normal, x, y);
      expect(change(sign * 110, top - 12)).toBeGreaterThan(500);
      expect(Math.abs(change(-sign * 110, top - 12))).toBeLessThan(200);
      expect(Math.abs(change(sign * 80, 70))).toBeLessThan(200);
    },
  );

  it('raises the meniscus of an effusion at the ribs', () => {
    const normal = phantom();
    const ill = phantom({ pathology: { kind: 'effusion', side: 'right', heightMm: 60 } });
    const level = normal.thorax.domeTopMm[-1] - 60;
    const change = (x: number): number =>
      meanAt(ill, x, level + 22, 3) - meanAt(normal, x, level + 22, 3);
    expect(change(-0.95 * normal.thorax.innerHalfWidthMm(level))).toBeGreaterThan(
      change(-70) + 200,
    );
  });

  it('shows a nodule as a local density of its size', () => {
    const pathology = {
      kind: 'nodule',
      side: 'left',
      height: 0.4,
      across: 0.65,
      diameterMm: 24,
    } as const;
    const normal = phantom();
    const ill = phantom({ pathology });
    const { x, y } = ill.nodule ?? { x: Number.NaN, y: Number.NaN };
    const change = (dx: number): number => meanAt(ill, x + dx, y, 2) - meanAt(normal, x + dx, y, 2);
    expect(x).toBeGreaterThan(0);
    expect(change(0)).toBeGreaterThan(400);
    expect(change(0)).toBeGreaterThan(change(9));
    expect(Math.abs(change(18))).toBeLessThan(60);
  });

  it('widens the heart to the cardiothoracic ratio', () => {
    const ratio = (cardiothoracicRatio: number): number => {
      const { thorax } = phantom({ pathology: { kind: 'cardiomegaly', cardiothoracicRatio } });
      let right = 0;
      let left = 0;
      for (let y = 150; y < 230; y += 1) {
        for (const { solid, perMm } of thorax.mediastinum) {
          if (perMm !== ATTENUATION_PER_MM.blood) continue;
          const section = y > solid.yMin && y < solid.yMax ? solid.section(y) : undefined;
          if (section === undefined) continue;
          right = Math.max(right, section.halfX - section.x);
          left = Math.max(left, section.halfX + section.x);
        }
      }
      return (right + left) / (2 * thorax.innerHalfWidthMm(210));
    };
    expect(Math.abs(ratio(0.45) - 0.45)).toBeLessThan(0.015);
    expect(Math.abs(ratio(0.65) - 0.65)).toBeLessThan(0.015);
  });

  it('shows a pneumothorax as a darker rim outside the collapsed lung', () => {
    const normal = phantom();
    const ill = phantom({ pathology: { kind: 'pneumothorax', side: 'left', rimMm: 40 } });
    const edge = normal.thorax.innerHalfWidthMm(50) - 12;
    expect(meanAt(ill, edge, 50, 3)).toBeLessThan(meanAt(normal, edge, 50, 3) - 80);
    expect(Math.abs(meanAt(ill, -edge, 50, 3) - meanAt(normal, -edge, 50, 3))).toBeLessThan(80);
  });

  it('enlarges the heart in the AP view, where it is far from the detector', () => {
    const heart = { x: 60, y: 190, z: -60 };
    const offset = (view: 'PA' | 'AP'): number => {
      const { projection } = phantom({ view });
      return projection.pixel(heart).column - projection.pixel({ ...heart, x: 0 }).column;
    };
    expect(offset('AP')).toBeGreaterThan(1.05 * offset('PA'));
  });

  it('looks from the side in the lateral view: spine behind, heart in front', () => {
    const image = phantom({ view: 'LL' });
    const { projection } = image;
    expect(projection.pixel({ x: 0, y: 100, z: 60 }).column).toBeGreaterThan(
      projection.pixel({ x: 0, y: 100, z: -60 }).column,
    );
    expect(image.pixels).not.toEqual(phantom().pixels);
  });

  it('stores the dose itself on request', () => {
    const image = phantom({ response: 'linear' });
    expect(meanAt(image, 0, 200)).toBeGreaterThan(meanAt(image, -80, 120, 12));
    expect(image.pixels[0]).toBe(0);
  });
});

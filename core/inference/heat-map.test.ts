import { describe, expect, it } from 'vitest';

import { rowsOf } from '../imaging/image-rows.js';
import { renderPicture, type Picture } from '../imaging/render-picture.js';
import { decodedImage } from '../../test/support/decoded-image.js';
import { pixelHeader } from '../../test/support/pixel-header.js';
import { heatMapOn } from './heat-map.js';
import type { CamTensor } from './image-classifier.js';
import { recipeCrop } from './recipes/recipe.js';

/** A grey image with one white block of 20 x 20 pixels. */
function imageWithBlock(rows: number, columns: number, blockX: number, blockY: number, ratio = 1) {
  const values = Array.from({ length: rows }, (_, y) =>
    Array.from({ length: columns }, (__, x) =>
      Math.abs(x - blockX) < 10 && Math.abs(y - blockY) < 10 ? 4000 : 500,
    ),
  );
  return rowsOf(decodedImage(values, pixelHeader({ pixelAspectRatio: ratio })));
}

function hottest(picture: Picture, heat: Float32Array): { x: number; y: number } {
  const at = heat.indexOf(Math.max(...heat));
  return { x: at % picture.width, y: Math.floor(at / picture.width) };
}

/** The map of two findings in which one cell of the second one is hot. */
function hotCell(cells: number, x: number, y: number): CamTensor {
  const data = new Float32Array(2 * cells * cells).fill(-1);
  data[cells * cells + y * cells + x] = 2;
  return { data, width: cells, height: cells };
}

describe('heatMapOn', () => {
  // The centred square of 200 x 300 is x 50..249; cell 4 of 5 has its middle at 90 % of it.
  it.each([
    ['landscape', 200, 300, 50 + 0.9 * 200, 0.3 * 200],
    ['portrait', 300, 200, 0.9 * 200, 50 + 0.3 * 200],
  ])('puts the peak where the cell looked (%s)', (_, rows, columns, x, y) => {
    const image = imageWithBlock(rows, columns, x, y);
    const picture = renderPicture(image, recipeCrop('cxr-square@1')(image), 1000);
    const { heat, max } = heatMapOn(picture, hotCell(5, 4, 1), 1);
    expect(max).toBe(2);
    const peak = hottest(picture, heat);
    expect(Math.abs(peak.x + 0.5 - x)).toBeLessThanOrEqual(1);
    expect(Math.abs(peak.y + 0.5 - y)).toBeLessThanOrEqual(1);
    // And there the picture shows what the cell saw.
    expect(picture.grey[peak.y * picture.width + peak.x]).toBeGreaterThan(240);
  });

  it('follows a picture that is reduced and whose pixels are not square', () => {
    const image = imageWithBlock(400, 400, 300, 100, 0.5);
    const picture = renderPicture(image, recipeCrop('cxr-square@1')(image), 100);
    expect([picture.width, picture.height]).toEqual([100, 50]);
    // The square in space is 200 columns wide (100..299) and all rows high; its last cell ends at 75 of 100.
    const { heat } = heatMapOn(picture, hotCell(4, 3, 0), 1);
    const peak = hottest(picture, heat);
    expect(Math.abs(peak.x + 0.5 - (25 + 50 * 0.875))).toBeLessThanOrEqual(1);
    expect(heat[10 * 100 + 80]).toBe(0);
  });

  it('shows nothing outside the crop, nor where no cell raises the score', () => {
    const image = imageWithBlock(100, 300, 150, 50);
    const picture = renderPicture(image, recipeCrop('cxr-square@1')(image), 300);
    const { heat } = heatMapOn(picture, hotCell(2, 0, 0), 1);
    const inside = (x: number) => x >= 100 && x < 200;
    expect(heat.every((value, at) => value === 0 || inside(at % 300))).toBe(true);
    const none = heatMapOn(picture, hotCell(2, 0, 0), 0);
    expect(none.max).toBe(0);
    expect(none.heat.every((value) => value === 0)).toBe(true);
  });
});

describe('renderPicture', () => {
  it('shows MONOCHROME1 as it is meant', () => {
    const image = imageWithBlock(50, 50, 25, 25);
    const header = { ...image.header, PhotometricInterpretation: 'MONOCHROME1' as const };
    const inverted = { ...image, header };
    const crop = recipeCrop('txrv-224@1')(image);
    const [plain, turned] = [image, inverted].map((each) => renderPicture(each, crop, 50));
    expect(plain?.grey[25 * 50 + 25]).toBe(255);
    expect(turned?.grey[25 * 50 + 25]).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';

import { fitInto } from './viewport.js';

const picture = { width: 400, height: 200, pixelAspectRatio: 1 };

describe('fitInto', () => {
  it.each([
    [undefined, [0, 0, 400, 200], [400, 200]],
    [{ width: 100, height: 100 }, [0, 0, 400, 200], [100, 50]],
    [{ width: 800, height: 800 }, [0, 0, 400, 200], [800, 400]],
    [
      { width: 100, height: 100, x: 100, y: 50, regionWidth: 50, regionHeight: 100 },
      [100, 50, 50, 100],
      [50, 100],
    ],
    [{ width: 100, height: 100, x: 300 }, [300, 0, 100, 200], [50, 100]],
    [
      { width: 100, height: 100, x: 350, regionWidth: 100, regionHeight: 50 },
      [350, 0, 50, 50],
      [100, 100],
    ],
  ])('%o shows %o as %o', (viewport, [left, top, width, height], [shownWidth, shownHeight]) => {
    expect(fitInto(picture, viewport)).toMatchObject({
      region: { left, top, width, height },
      size: { width: shownWidth, height: shownHeight },
      flipHorizontally: false,
    });
  });

  it('makes pixels square, and flips what has a negative side', () => {
    expect(fitInto({ ...picture, pixelAspectRatio: 2 }, undefined)?.size).toEqual({
      width: 400,
      height: 400,
    });
    const viewport = { width: 10, height: 10, regionWidth: -100, regionHeight: 100 };
    expect(fitInto(picture, viewport)).toMatchObject({
      region: { left: 0, width: 100 },
      flipHorizontally: true,
      flipVertically: false,
    });
  });

  it('shows nothing beyond the picture', () => {
    expect(fitInto(picture, { width: 10, height: 10, x: 400 })).toBeUndefined();
    expect(fitInto(picture, { width: 10, height: 10, regionWidth: 0 })).toBeUndefined();
  });
});

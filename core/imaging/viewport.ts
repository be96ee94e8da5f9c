/**
 * Where a picture is shown: the size of the place, and the part of the picture (its own pixels) that is
 * scaled to fit into it. Source: PS3.18 8.3.5.1.3.
 */
export interface Viewport {
  readonly width: number;
  readonly height: number;
  /** Left and top edge; from the picture's origin when absent. */
  readonly x?: number;
  readonly y?: number;
  /** To the picture's edge when absent; negative ones flip it. */
  readonly regionWidth?: number;
  readonly regionHeight?: number;
}

export interface FittedPicture {
  /** Whole pixels of the picture. */
  readonly region: {
    readonly left: number;
    readonly top: number;
    readonly width: number;
    readonly height: number;
  };
  readonly size: { readonly width: number; readonly height: number };
  readonly flipHorizontally: boolean;
  readonly flipVertically: boolean;
}

/**
 * What of a picture is shown, and how large. Its proportions stay: pixels that are not square are made so. Without
 * a viewport it is shown whole, at the width that it has.
 *
 * @returns undefined when the viewport shows no part of the picture
 */
export function fitInto(
  picture: { readonly width: number; readonly height: number; readonly pixelAspectRatio: number },
  viewport: Viewport | undefined,
): FittedPicture | undefined {
  const { x = 0, y = 0 } = viewport ?? {};
  const regionWidth = viewport?.regionWidth ?? picture.width - x;
  const regionHeight = viewport?.regionHeight ?? picture.height - y;
  const left = Math.max(0, Math.round(x));
  const top = Math.max(0, Math.round(y));
  const width = Math.min(picture.width, Math.round(x + Math.abs(regionWidth))) - left;
  const height = Math.min(picture.height, Math.round(y + Math.abs(regionHeight))) - top;
  if (!(width >= 1 && height >= 1)) {
    return undefined;
  }
  const squareHeight = height * picture.pixelAspectRatio;
  const scale =
    viewport === undefined ? 1 : Math.min(viewport.width / width, viewport.height / squareHeight);
  return {
    region: { left, top, width, height },
    size: {
      width: Math.max(1, Math.round(width * scale)),
      height: Math.max(1, Math.round(squareHeight * scale)),
    },
    flipHorizontally: regionWidth < 0,
    flipVertically: regionHeight < 0,
  };
}

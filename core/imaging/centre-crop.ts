import type { ImageRows } from './image-rows.js';

/** Spacings that differ less than this are one spacing, rounded differently. */
const SQUARE_TOLERANCE = 0.01;

/** A part of the full grid of an image, in pixels. */
export interface Crop {
  readonly x0: number;
  readonly y0: number;
  readonly columns: number;
  readonly rows: number;
}

/** The largest centred square: s = min(H, W), x0 = floor(W/2) - floor(s/2), y0 likewise. */
export function centreSquare(image: Pick<ImageRows, 'header'>): Crop {
  return centred(image, 1);
}

/**
 * The largest centred part that is square on the detector: with pixels that are not square it has
 * more columns than rows or the other way round, and resampling to a square corrects the shape.
 */
export function centreSquareInSpace(image: Pick<ImageRows, 'header'>): Crop {
  const ratio = image.header.pixelAspectRatio;
  return centred(image, Math.abs(ratio - 1) > SQUARE_TOLERANCE ? ratio : 1);
}

function centred(image: Pick<ImageRows, 'header'>, aspectRatio: number): Crop {
  const { Rows, Columns } = image.header;
  const side = Math.min(Rows * aspectRatio, Columns);
  const columns = Math.max(1, Math.round(side));
  const rows = Math.max(1, Math.round(side / aspectRatio));
  return {
    x0: Math.floor(Columns / 2) - Math.floor(columns / 2),
    y0: Math.floor(Rows / 2) - Math.floor(rows / 2),
    columns,
    rows,
  };
}

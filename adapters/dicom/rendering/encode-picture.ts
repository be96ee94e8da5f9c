import { PipelineError } from '../../../core/errors.js';
import { fitInto, type Viewport } from '../../../core/imaging/viewport.js';
import type { ShownPicture } from './image-task.js';

export const PICTURE_TYPES = ['image/jpeg', 'image/png'] as const;
export type PictureType = (typeof PICTURE_TYPES)[number];

const DEFAULT_QUALITY = 90;

/**
 * A picture as JPEG or PNG: the part of it that the viewport shows, scaled to fit, its pixels made square.
 *
 * @param quality of JPEG, 1 to 100
 * @throws PipelineError `request-invalid` when the viewport shows nothing of the picture
 */
export async function encodePicture(
  picture: ShownPicture,
  type: PictureType,
  { viewport, quality }: { readonly viewport?: Viewport; readonly quality?: number },
): Promise<Buffer> {
  const { default: sharp } = await import('sharp');
  const { width, height, channels } = picture;
  const fitted = fitInto(picture, viewport);
  if (fitted === undefined) {
    throw new PipelineError('request-invalid', 'The viewport shows no part of the image.');
  }
  const { region, size, flipHorizontally, flipVertically } = fitted;
  const shown = sharp(picture.pixels, { raw: { width, height, channels } })
    .extract(region)
    .flop(flipHorizontally)
    .flip(flipVertically)
    .resize({ ...size, fit: 'fill' })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb');
  return type === 'image/png'
    ? shown.png({ compressionLevel: 6 }).toBuffer()
    : shown.jpeg({ quality: quality ?? DEFAULT_QUALITY }).toBuffer();
}

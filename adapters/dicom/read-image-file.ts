import type { PixelHeader } from '../../core/dicom/instance-header.js';
import { PipelineError } from '../../core/errors.js';
import type { DecodedImage } from '../../core/imaging/decoded-image.js';
import { luminance } from '../../core/imaging/luminance.js';

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const JPEG_SIGNATURE = Buffer.from([0xff, 0xd8, 0xff]);

/** Whether the bytes begin as a PNG or a JPEG file. */
export function isImageFile(bytes: Uint8Array): boolean {
  return [PNG_SIGNATURE, JPEG_SIGNATURE].some(
    (signature) => Buffer.compare(bytes.subarray(0, signature.length), signature) === 0,
  );
}

/**
 * A PNG or JPEG file as stored values of 8 or 16 bits, MONOCHROME2: colour becomes luminance, alpha and
 * colour profiles are ignored (a profile would bend the grey scale), EXIF orientation is applied.
 *
 * Throws `image-too-large` by the declared size and `pixel-data-corrupt` for damaged or cut files.
 */
export async function readImageFile(bytes: Uint8Array, maxPixels: number): Promise<DecodedImage> {
  const sharp = await loadSharp();
  const input = () => sharp(bytes, { ignoreIcc: true, limitInputPixels: false }).autoOrient();
  try {
    const { width, height, depth, space, format } = await input().metadata();
    if (width * height > maxPixels) {
      throw new PipelineError('image-too-large', undefined, { context: { maxPixels } });
    }
    if (
      format === 'png' &&
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).lastIndexOf('IEND') < 0
    ) {
      throw new PipelineError('pixel-data-corrupt', 'The PNG file is cut off before its end.');
    }
    const deep = depth === 'ushort';
    const grey = space === 'b-w' || space === 'grey16';
    const { data, info } = await input()
      .removeAlpha()
      // Without a 16-bit colour space sharp brings 16 bits down to 8.
      .toColourspace(grey ? (deep ? 'grey16' : 'b-w') : deep ? 'rgb16' : 'srgb')
      .raw({ depth: deep ? 'ushort' : 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const samples = deep
      ? new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2)
      : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const { pixels, fromColour } = toGrey(samples, info.channels);
    return {
      width: info.width,
      height: info.height,
      pixels,
      header: greyHeader(info.height, info.width, deep ? 16 : 8),
      fromColour,
      reduction: 0,
    };
  } catch (error) {
    throw error instanceof PipelineError
      ? error
      : new PipelineError('pixel-data-corrupt', 'The image file cannot be decoded.', {
          cause: error,
        });
  }
}

/**
 * Loaded when the first picture comes: most archives have none, and it takes as long to load as the rest
 * of the decoders together. One thread and no cache, because each core has a process of its own and no
 * picture is read twice.
 */
async function loadSharp() {
  const { default: sharp } = await import('sharp');
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}

/** Grey pictures saved in colour have equal channels; only others are called colour. */
function toGrey(samples: Uint8Array | Uint16Array, channels: number) {
  if (channels === 1) {
    return { pixels: samples, fromColour: false };
  }
  const count = samples.length / channels;
  const pixels = samples instanceof Uint8Array ? new Uint8Array(count) : new Uint16Array(count);
  let fromColour = false;
  for (let index = 0; index < count; index += 1) {
    const at = index * channels;
    // Three channels at least: sharp was asked for an RGB space.
    const [red, green, blue] = [samples[at]!, samples[at + 1]!, samples[at + 2]!];
    fromColour ||= red !== green || green !== blue;
    pixels[index] = luminance(red, green, blue);
  }
  return { pixels, fromColour };
}

function greyHeader(Rows: number, Columns: number, bits: number): PixelHeader {
  return {
    Rows,
    Columns,
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    PlanarConfiguration: 0,
    BitsAllocated: bits,
    BitsStored: bits,
    HighBit: bits - 1,
    PixelRepresentation: 0,
    NumberOfFrames: 1,
    RescaleSlope: 1,
    RescaleIntercept: 0,
    modalityLut: undefined,
    voiLut: undefined,
    windows: [],
    PresentationLUTShape: undefined,
    PixelPaddingValue: undefined,
    PixelPaddingRangeLimit: undefined,
    paletteLuminance: undefined,
    pixelAspectRatio: 1,
  };
}

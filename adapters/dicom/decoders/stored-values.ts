import type { PixelHeader } from '../../../core/dicom/instance-header.js';
import { PipelineError } from '../../../core/errors.js';
import type { DecodedImage, StoredValues } from '../../../core/imaging/decoded-image.js';
import { luminance } from '../../../core/imaging/luminance.js';
import { storedRange } from '../../../core/imaging/presentation.js';
import type { DecodedSamples } from './frame-decoder.js';
import { holdSamples } from './sample-range.js';

type Samples = Pick<DecodedSamples, 'data' | 'usedBits'> & Partial<DecodedSamples>;

/**
 * A codec's samples as stored values: checked against the header, overlay bits masked away, sign
 * extended, colour turned into luminance. Throws `pixel-data-corrupt` when the numbers do not agree.
 */
export function toDecodedImage(samples: DecodedSamples, header: PixelHeader): DecodedImage {
  requireShape(samples, header);
  const base = {
    width: samples.width,
    height: samples.height,
    reduction: samples.reduction,
    wavelet: samples.wavelet,
    release: samples.release,
  };
  if (header.PhotometricInterpretation === 'PALETTE COLOR') {
    return { ...base, ...throughPalette(samples, header), fromColour: true };
  }
  if (header.SamplesPerPixel === 1) {
    return { ...base, pixels: toStoredValues(samples, header), header, fromColour: false };
  }
  const grey = samples.components === 1 ? samples.data : toLuminance(samples, header);
  const unsigned = { ...greyHeader(header, header.BitsStored), PixelRepresentation: 0 as const };
  return {
    ...base,
    pixels: toStoredValues({ data: grey }, unsigned),
    header: unsigned,
    fromColour: true,
  };
}

/**
 * Masks what lies above and below the stored bits, where old objects keep overlays (PS3.5 8.1.1), and
 * extends the sign. Clean unsigned samples are returned as they are, without a copy.
 */
function toStoredValues(
  { data, usedBits = Infinity, reduction = 0 }: Samples,
  header: PixelHeader,
): StoredValues {
  if (reduction > 0) {
    return heldInRange(data, header);
  }
  const { BitsStored, HighBit, PixelRepresentation } = header;
  const shift = HighBit + 1 - BitsStored;
  const mask = 2 ** BitsStored - 1;
  const raw = asUnsigned(data);
  if (PixelRepresentation === 1) {
    const signed =
      raw instanceof Uint8Array ? new Int8Array(raw.length) : new Int16Array(raw.length);
    const up = 32 - BitsStored;
    for (let index = 0; index < raw.length; index += 1) {
      signed[index] = ((raw[index]! >> shift) << up) >> up;
    }
    return signed;
  }
  if (shift === 0 && (usedBits <= BitsStored || !hasBitsOutside(raw, mask))) {
    return raw;
  }
  const masked =
    raw instanceof Uint8Array ? new Uint8Array(raw.length) : new Uint16Array(raw.length);
  for (let index = 0; index < raw.length; index += 1) {
    masked[index] = (raw[index]! >> shift) & mask;
  }
  return masked;
}

/** At a reduced resolution a wavelet overshoots at edges: there are no foreign bits to mask, but values to hold. */
function heldInRange(data: DecodedSamples['data'], header: PixelHeader): StoredValues {
  const raw = asUnsigned(data);
  const words = raw instanceof Uint8Array ? Uint16Array.from(raw) : raw;
  return holdSamples(words, header.PixelRepresentation === 1, storedRange(header));
}

function hasBitsOutside(raw: Uint8Array | Uint16Array, mask: number): boolean {
  let bits = 0;
  for (let index = 0; index < raw.length; index += 1) {
    bits |= raw[index]!;
  }
  return (bits & ~mask) !== 0;
}

function asUnsigned(data: DecodedSamples['data']): Uint8Array | Uint16Array {
  if (data instanceof Int16Array) {
    return new Uint16Array(data.buffer, data.byteOffset, data.length);
  }
  return data instanceof Int8Array
    ? new Uint8Array(data.buffer, data.byteOffset, data.length)
    : data;
}

function requireShape(samples: DecodedSamples, header: PixelHeader): void {
  const scale = 2 ** samples.reduction;
  const expectedComponents =
    header.PhotometricInterpretation === 'YBR_FULL_422' ? [1, 3] : [header.SamplesPerPixel];
  if (
    samples.width !== Math.ceil(header.Columns / scale) ||
    samples.height !== Math.ceil(header.Rows / scale) ||
    !expectedComponents.includes(samples.components) ||
    samples.data.length !== samples.width * samples.height * samples.components
  ) {
    throw new PipelineError(
      'pixel-data-corrupt',
      'The decoded image has another size than its header.',
    );
  }
}

function toLuminance(samples: DecodedSamples, header: PixelHeader): Uint8Array | Uint16Array {
  const { data, planar, components } = samples;
  const pixels = samples.width * samples.height;
  const pixelStride = planar ? 1 : components;
  const sampleStride = planar ? pixels : 1;
  const grey = data.BYTES_PER_ELEMENT === 1 ? new Uint8Array(pixels) : new Uint16Array(pixels);
  const photometric = samples.colourSpace === 'RGB' ? 'RGB' : header.PhotometricInterpretation;
  if (components === 3 && (photometric === 'YBR_FULL' || photometric === 'YBR_FULL_422')) {
    for (let index = 0; index < pixels; index += 1) {
      grey[index] = data[index * pixelStride]!;
    }
  } else if (components === 3 && photometric === 'RGB') {
    for (let index = 0; index < pixels; index += 1) {
      const at = index * pixelStride;
      grey[index] = luminance(data[at]!, data[at + sampleStride]!, data[at + 2 * sampleStride]!);
    }
  } else {
    throw new PipelineError(
      'pixel-format-unsupported',
      'The photometric interpretation of the image is not supported.',
    );
  }
  return grey;
}

function throughPalette(samples: DecodedSamples, header: PixelHeader) {
  const { paletteLuminance } = header;
  if (paletteLuminance === undefined || samples.components !== 1) {
    throw new PipelineError('pixel-format-unsupported', 'The colour palette is missing.');
  }
  const { entries, firstMapped, bits } = paletteLuminance;
  const stored = toStoredValues(samples, header);
  const last = entries.length - 1;
  const pixels = bits <= 8 ? new Uint8Array(stored.length) : new Uint16Array(stored.length);
  for (let index = 0; index < stored.length; index += 1) {
    pixels[index] = entries[Math.min(last, Math.max(0, stored[index]! - firstMapped))]!;
  }
  return {
    pixels,
    header: { ...greyHeader(header, bits), PixelRepresentation: 0 as const },
  };
}

/** The header of the luminance that a colour image has become. */
function greyHeader(header: PixelHeader, BitsStored: number): PixelHeader {
  return {
    ...header,
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    PlanarConfiguration: 0,
    BitsAllocated: BitsStored <= 8 ? 8 : 16,
    BitsStored,
    HighBit: BitsStored - 1,
    paletteLuminance: undefined,
  };
}

import { createHash } from 'node:crypto';

import { TRANSFER_SYNTAXES, type TransferSyntaxUid } from '../../core/dicom/transfer-syntaxes.js';
import { radiographAttributes, type RadiographDescription } from './chest-header.js';
import { decimalString, encodePart10, type DicomAttributes, type PixelData } from './part10.js';
import { uidFromName } from '../../core/dicom/uid.js';

export const EXPLICIT_VR_LITTLE_ENDIAN = '1.2.840.10008.1.2.1' satisfies TransferSyntaxUid;
export const IMPLICIT_VR_LITTLE_ENDIAN = '1.2.840.10008.1.2' satisfies TransferSyntaxUid;
export const JPEG_BASELINE_8BIT = '1.2.840.10008.1.2.4.50' satisfies TransferSyntaxUid;

interface ImageShape {
  readonly Rows: number;
  readonly Columns: number;
  readonly BitsStored: number;
  /** MONOCHROME2 when left out. */
  readonly PhotometricInterpretation?: 'MONOCHROME1' | 'MONOCHROME2';
}

/** Stored values, row-major, one sample a pixel. A byte array is written with 8 bits allocated, else 16. */
export interface GreyImage extends ImageShape {
  readonly pixels: Uint8Array | Uint16Array;
}

/** Codestreams that some encoder made, one a frame, and the transfer syntax that they are of. */
export interface EncodedImage extends ImageShape {
  readonly frames: readonly Uint8Array[];
  readonly TransferSyntaxUID: TransferSyntaxUid;
  /** Given when the codec loses: uncompressed bytes over compressed bytes. */
  readonly lossyRatio?: number;
}

/**
 * Any grey image as a Part 10 file. Without overrides it is a CR image that lacks only what nobody told:
 * type 2 attributes are empty, the UIDs follow from the pixels. `overrides` replaces attributes by
 * keyword; `null` empties one and `undefined` removes it.
 *
 * Example, a NIH JPEG passed through: `wrapGreyImage({ Rows: 512, Columns: 512, BitsStored: 8,
 * frames: [bytes], TransferSyntaxUID: JPEG_BASELINE_8BIT }, { ViewPosition: 'PA' })`.
 */
export function wrapGreyImage(
  image: GreyImage | EncodedImage,
  overrides: DicomAttributes = {},
  TransferSyntaxUID: TransferSyntaxUid = EXPLICIT_VR_LITTLE_ENDIAN,
): Buffer {
  const name = createHash('sha256');
  for (const bytes of 'frames' in image ? image.frames : [image.pixels]) name.update(bytes);
  const content = name.digest('hex');
  return writeImage(image, TransferSyntaxUID, {
    SpecificCharacterSet: 'ISO_IR 192',
    ImageType: ['DERIVED', 'SECONDARY'],
    SOPClassUID: '1.2.840.10008.5.1.4.1.1.1',
    SOPInstanceUID: uidFromName(content, 'instance'),
    StudyDate: null,
    StudyTime: null,
    AccessionNumber: null,
    Modality: 'CR',
    Manufacturer: null,
    ReferringPhysicianName: null,
    PatientName: null,
    PatientID: null,
    PatientBirthDate: null,
    PatientSex: null,
    BodyPartExamined: 'CHEST',
    ViewPosition: null,
    StudyInstanceUID: uidFromName(content, 'study'),
    SeriesInstanceUID: uidFromName(content, 'series'),
    StudyID: null,
    SeriesNumber: 1,
    InstanceNumber: 1,
    PatientOrientation: null,
    ...overrides,
  });
}

/**
 * A chest radiograph with the full header of its SOP Class (see chest-header.ts), valid by dciodvfy.
 * `overrides` works as in `wrapGreyImage`.
 */
export function chestRadiograph(
  image: GreyImage | EncodedImage,
  description: RadiographDescription,
  overrides: DicomAttributes = {},
  TransferSyntaxUID: TransferSyntaxUid = EXPLICIT_VR_LITTLE_ENDIAN,
): Buffer {
  return writeImage(image, TransferSyntaxUID, {
    ...radiographAttributes(description, image.PhotometricInterpretation ?? 'MONOCHROME2'),
    ...overrides,
  });
}

function writeImage(
  image: GreyImage | EncodedImage,
  TransferSyntaxUID: TransferSyntaxUid,
  attributes: DicomAttributes,
): Buffer {
  const pixelData = pixelDataOf(image);
  const BitsAllocated =
    pixelData.kind === 'native' ? pixelData.BitsAllocated : image.BitsStored <= 8 ? 8 : 16;
  return encodePart10(
    {
      SamplesPerPixel: 1,
      PhotometricInterpretation: image.PhotometricInterpretation ?? 'MONOCHROME2',
      Rows: image.Rows,
      Columns: image.Columns,
      BitsAllocated,
      BitsStored: image.BitsStored,
      HighBit: image.BitsStored - 1,
      PixelRepresentation: 0,
      ...lossyAttributes(image),
      ...attributes,
    },
    pixelData,
    'frames' in image ? image.TransferSyntaxUID : TransferSyntaxUID,
  );
}

function pixelDataOf(image: GreyImage | EncodedImage): PixelData {
  if ('frames' in image) return { kind: 'encapsulated', frames: image.frames };
  const { pixels, Rows, Columns, BitsStored } = image;
  const BitsAllocated = pixels instanceof Uint8Array ? 8 : 16;
  if (pixels.length !== Rows * Columns) {
    throw new RangeError(`${pixels.length} pixels given for ${Rows} rows of ${Columns}`);
  }
  if (BitsStored < 1 || BitsStored > BitsAllocated) {
    throw new RangeError(`${BitsStored} bits do not fit ${BitsAllocated} allocated`);
  }
  return { kind: 'native', bytes: littleEndianBytes(pixels), BitsAllocated };
}

/** The host is little endian on every platform that onnxruntime-node runs on; so are its typed arrays. */
function littleEndianBytes(pixels: Uint8Array | Uint16Array): Uint8Array {
  const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  // Pixel Data has an even length (PS3.5 8.1.1).
  return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);
}

/** Lossy Image Compression Method (0028,2114) by transfer syntax. Source: PS3.3 C.7.6.1.1.5.1. */
const LOSSY_METHODS: Readonly<Record<string, string>> = {
  JPEGBaseline8Bit: 'ISO_10918_1',
  JPEGExtended12Bit: 'ISO_10918_1',
  JPEGLSNearLossless: 'ISO_14495_1',
  JPEG2000: 'ISO_15444_1',
  HTJ2K: 'ISO_15444_15',
};

function lossyAttributes(image: GreyImage | EncodedImage): DicomAttributes {
  if (!('frames' in image)) return { LossyImageCompression: '00' };
  const method = LOSSY_METHODS[TRANSFER_SYNTAXES[image.TransferSyntaxUID].keyword];
  if (method === undefined) return { LossyImageCompression: '00' };
  const { lossyRatio } = image;
  return {
    LossyImageCompression: '01',
    LossyImageCompressionRatio:
      lossyRatio === undefined ? undefined : decimalString(Number(lossyRatio.toFixed(2))),
    LossyImageCompressionMethod: method,
  };
}

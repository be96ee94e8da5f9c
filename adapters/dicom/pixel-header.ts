import type { DataSet } from 'dicom-parser';

import { VOI_LUT_FUNCTIONS } from '../../core/dicom/instance-header.js';
import type {
  LookupTable,
  PixelHeader,
  VoiLutFunction,
  VoiWindow,
} from '../../core/dicom/instance-header.js';
import { PipelineError } from '../../core/errors.js';
import { readItems, readNumbers, readText, readTexts, readUint16, TAGS } from './attributes.js';
import type { Keyword } from './attributes.js';
import { readLookupTable } from './lookup-table.js';
import { readPaletteLuminance } from './palette.js';

/** Beyond these an aspect ratio is a typing error, not a detector. */
const ASPECT_RATIO_RANGE = { min: 0.1, max: 10 };

/**
 * The Image Pixel module and everything of the greyscale chain. Throws `attribute-missing` for absent or
 * contradictory attributes and `pixel-format-unsupported` for pixels that we do not decode.
 */
export function readPixelHeader(dataSet: DataSet): PixelHeader {
  const shape = readShape(dataSet);
  const signed = shape.PixelRepresentation === 1;
  const RescaleIntercept = readNumbers(dataSet, 'RescaleIntercept')[0] ?? 0;
  const RescaleSlope = readNumbers(dataSet, 'RescaleSlope')[0] ?? 1;
  if (RescaleSlope === 0) {
    throw new PipelineError('attribute-missing', 'RescaleSlope is 0.');
  }
  const modalityLut = readLutItem(dataSet, 'ModalityLUTSequence', signed);
  // The output of a Modality LUT is unsigned; a rescaled value may be negative. PS3.3 C.11.2.1.1.
  const voiLut = readLutItem(
    dataSet,
    'VOILUTSequence',
    modalityLut === undefined && (signed || RescaleIntercept < 0),
  );
  return {
    ...shape,
    NumberOfFrames: Math.max(1, readNumbers(dataSet, 'NumberOfFrames')[0] ?? 1),
    RescaleSlope,
    RescaleIntercept,
    modalityLut,
    voiLut,
    windows: readWindows(dataSet),
    PresentationLUTShape: readText(dataSet, 'PresentationLUTShape'),
    PixelPaddingValue: readStored(dataSet, 'PixelPaddingValue', signed),
    PixelPaddingRangeLimit: readStored(dataSet, 'PixelPaddingRangeLimit', signed),
    paletteLuminance:
      shape.PhotometricInterpretation === 'PALETTE COLOR'
        ? readPaletteLuminance(dataSet)
        : undefined,
    pixelAspectRatio: readAspectRatio(dataSet),
  };
}

function readShape(dataSet: DataSet) {
  const BitsAllocated = mandatory(dataSet, 'BitsAllocated');
  const BitsStored = mandatory(dataSet, 'BitsStored');
  const HighBit = readUint16(dataSet, 'HighBit') ?? BitsStored - 1;
  const PixelRepresentation = mandatory(dataSet, 'PixelRepresentation');
  const PhotometricInterpretation = readText(dataSet, 'PhotometricInterpretation');
  if (PhotometricInterpretation === undefined) {
    throw new PipelineError('attribute-missing', 'PhotometricInterpretation is missing.');
  }
  if (BitsAllocated !== 1 && BitsAllocated !== 8 && BitsAllocated !== 16) {
    throw new PipelineError(
      'pixel-format-unsupported',
      `Pixels of ${BitsAllocated} bits are not supported.`,
    );
  }
  if (
    BitsStored < 1 ||
    HighBit >= BitsAllocated ||
    HighBit < BitsStored - 1 ||
    PixelRepresentation > 1
  ) {
    throw new PipelineError(
      'attribute-missing',
      'BitsAllocated, BitsStored, HighBit and PixelRepresentation contradict each other.',
    );
  }
  const shape = {
    Rows: mandatory(dataSet, 'Rows'),
    Columns: mandatory(dataSet, 'Columns'),
    SamplesPerPixel: mandatory(dataSet, 'SamplesPerPixel'),
    PhotometricInterpretation,
    PlanarConfiguration: readUint16(dataSet, 'PlanarConfiguration') ?? 0,
    BitsAllocated,
    BitsStored,
    HighBit,
    PixelRepresentation: PixelRepresentation === 1 ? (1 as const) : (0 as const),
  };
  if (shape.Rows === 0 || shape.Columns === 0 || shape.SamplesPerPixel === 0) {
    throw new PipelineError('attribute-missing', 'Rows, Columns or SamplesPerPixel is 0.');
  }
  return shape;
}

function mandatory(dataSet: DataSet, keyword: Keyword): number {
  const value = readUint16(dataSet, keyword);
  if (value === undefined) {
    throw new PipelineError('attribute-missing', `${keyword} is missing.`);
  }
  return value;
}

/** US or SS, by Pixel Representation. */
function readStored(dataSet: DataSet, keyword: Keyword, signed: boolean): number | undefined {
  const value = readUint16(dataSet, keyword);
  return value !== undefined && signed ? (value << 16) >> 16 : value;
}

function readLutItem(
  dataSet: DataSet,
  sequence: 'ModalityLUTSequence' | 'VOILUTSequence',
  signed: boolean,
): LookupTable | undefined {
  const item = readItems(dataSet, sequence)[0];
  return item && readLookupTable(item, 'LUTDescriptor', 'LUTData', signed);
}

/** Windows that cannot be applied (PS3.3 C.11.2.1.2: LINEAR needs a width of 1 or more) are left out. */
function readWindows(dataSet: DataSet): VoiWindow[] {
  const centers = readNumbers(dataSet, 'WindowCenter');
  const widths = readNumbers(dataSet, 'WindowWidth');
  const name = readTexts(dataSet, 'VOILUTFunction')[0] ?? 'LINEAR';
  const voiFunction: VoiLutFunction =
    VOI_LUT_FUNCTIONS.find((candidate) => candidate === name) ?? 'LINEAR';
  return centers.flatMap((center, index) => {
    const width = widths[index];
    const usable = width !== undefined && (voiFunction === 'LINEAR' ? width >= 1 : width > 0);
    return usable ? [{ center, width, function: voiFunction }] : [];
  });
}

/** Spacing is row spacing \ column spacing; a Pixel Aspect Ratio is vertical \ horizontal size. */
function readAspectRatio(dataSet: DataSet): number {
  const sources: Keyword[] = ['ImagerPixelSpacing', 'PixelSpacing', 'PixelAspectRatio'];
  const present = sources.find((keyword) => (dataSet.elements[TAGS[keyword]]?.length ?? 0) > 0);
  const [vertical, horizontal] = present === undefined ? [] : readTexts(dataSet, present);
  const ratio = Number(vertical) / Number(horizontal);
  const { min, max } = ASPECT_RATIO_RANGE;
  // An unreadable spacing must not cost the image: it only describes the pixels' shape.
  return ratio >= min && ratio <= max ? ratio : 1;
}

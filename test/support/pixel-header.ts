import type { PixelHeader } from '../../core/dicom/instance-header.js';

/** A header of 12-bit unsigned MONOCHROME2 without rescale, windows or LUTs; override what matters. */
export function pixelHeader(overrides: Partial<PixelHeader> = {}): PixelHeader {
  return {
    Rows: 4,
    Columns: 4,
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    PlanarConfiguration: 0,
    BitsAllocated: 16,
    BitsStored: 12,
    HighBit: 11,
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
    ...overrides,
  };
}

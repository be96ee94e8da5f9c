import type { DicomUid } from './uid.js';

/** What names an instance on the wire and in the database. */
export interface InstanceIdentity {
  readonly SOPClassUID: DicomUid;
  readonly SOPInstanceUID: DicomUid;
  readonly SeriesInstanceUID: DicomUid;
  readonly StudyInstanceUID: DicomUid;
  readonly TransferSyntaxUID: DicomUid;
}

/**
 * The attributes by which an instance is gated and read. Free text that gating needs is here and is
 * never stored or logged. Absent and empty attributes are both `undefined`; text is trimmed.
 *
 * UIDs may be absent because files from a disk are analysed without them; what is stored needs a whole
 * `InstanceIdentity`.
 */
export interface InstanceHeader {
  readonly SOPClassUID: DicomUid | undefined;
  readonly SOPInstanceUID: DicomUid | undefined;
  readonly SeriesInstanceUID: DicomUid | undefined;
  readonly StudyInstanceUID: DicomUid | undefined;
  readonly TransferSyntaxUID: DicomUid;
  readonly Modality: string | undefined;
  readonly BodyPartExamined: string | undefined;
  readonly ViewPosition: string | undefined;
  /** Code Values of View Code Sequence (0054,0220). */
  readonly ViewCodes: readonly string[];
  /** Code Values of Anatomic Region Sequence (0008,2218). */
  readonly AnatomicRegionCodes: readonly string[];
  readonly PatientOrientation: readonly string[];
  readonly ImageType: readonly string[];
  readonly PresentationIntentType: string | undefined;
  readonly SeriesDescription: string | undefined;
  readonly ProtocolName: string | undefined;
  readonly AcquisitionDeviceProcessingDescription: string | undefined;
  readonly BurnedInAnnotation: string | undefined;
  /** From PatientAge, else PatientBirthDate and StudyDate (AcquisitionDate first). Years, fractional. */
  readonly ageYears: number | undefined;
  /** Requested Procedure Priority (0040,1003), wherever it stands in the header. */
  readonly RequestedProcedurePriority: string | undefined;
}

/** Image Pixel module and the grey-scale pipeline's attributes. Source: PS3.3 C.7.6.3, C.11.1, C.11.2. */
export interface PixelHeader {
  readonly Rows: number;
  readonly Columns: number;
  readonly SamplesPerPixel: number;
  readonly PhotometricInterpretation: string;
  readonly PlanarConfiguration: number;
  readonly BitsAllocated: number;
  readonly BitsStored: number;
  readonly HighBit: number;
  /** 0 unsigned, 1 two's complement. */
  readonly PixelRepresentation: 0 | 1;
  readonly NumberOfFrames: number;
  readonly RescaleSlope: number;
  readonly RescaleIntercept: number;
  readonly modalityLut: LookupTable | undefined;
  readonly voiLut: LookupTable | undefined;
  /** Pairs of Window Center and Window Width, in the header's order. */
  readonly windows: readonly VoiWindow[];
  readonly PresentationLUTShape: string | undefined;
  readonly PixelPaddingValue: number | undefined;
  readonly PixelPaddingRangeLimit: number | undefined;
  /** Luminance of the three Palette Color Lookup Tables; defined for PALETTE COLOR only. */
  readonly paletteLuminance: LookupTable | undefined;
  /** Row spacing over column spacing (vertical over horizontal); 1 when square or unknown. */
  readonly pixelAspectRatio: number;
}

export const VOI_LUT_FUNCTIONS = ['LINEAR', 'LINEAR_EXACT', 'SIGMOID'] as const;
export type VoiLutFunction = (typeof VOI_LUT_FUNCTIONS)[number];

export interface VoiWindow {
  readonly center: number;
  readonly width: number;
  readonly function: VoiLutFunction;
}

/** A LUT with its descriptor (0028,3002) already interpreted: 0 entries means 65536. */
export interface LookupTable {
  readonly firstMapped: number;
  readonly bits: number;
  readonly entries: Uint16Array;
}

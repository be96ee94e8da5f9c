import type { DicomAttributes } from './part10.js';

export type RadiographKind = 'CR' | 'DX';

/** Views as ViewPosition (0018,5101) spells them. */
export type RadiographView = 'PA' | 'AP' | 'LL';

/** A person who does not exist. */
interface FictitiousPatient {
  /** Person Name with `^` between its components; any script. */
  readonly PatientName: string;
  readonly PatientID: string;
  readonly PatientSex: 'F' | 'M' | 'O';
  /** YYYYMMDD. */
  readonly PatientBirthDate: string;
  /** Such as 054Y. */
  readonly PatientAge: string;
}

export interface RadiographDescription {
  readonly kind: RadiographKind;
  readonly view: RadiographView;
  readonly patient: FictitiousPatient;
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  readonly SOPInstanceUID: string;
  readonly AccessionNumber: string;
  readonly SeriesNumber: number;
  readonly InstanceNumber: number;
  /** YYYYMMDD and HHMMSS of the exposure, and of the study. */
  readonly date: string;
  readonly time: string;
  /** Pixel pitch at the detector, rows then columns. */
  readonly imagerPixelSpacingMm: number;
  readonly windowCenter: number;
  readonly windowWidth: number;
  /**
   * Priority of the order, such as STAT. An image has no attribute of its own for it; what a modality
   * knows, it knows from the worklist's Requested Procedure Priority (0040,1003), and it is written here
   * where the worklist's other order attributes go: into the item of Request Attributes Sequence
   * (0040,0275), as a Standard Extended SOP Class may (PS3.4 B.3.1, PS3.3 C.7.3.1).
   */
  readonly RequestedProcedurePriority?: 'STAT' | 'HIGH' | 'ROUTINE' | 'MEDIUM' | 'LOW';
}

const VIEW_CODES = {
  PA: { CodeValue: '272479007', CodeMeaning: 'postero-anterior' },
  AP: { CodeValue: '399348003', CodeMeaning: 'antero-posterior' },
  LL: { CodeValue: '399173006', CodeMeaning: 'left lateral' },
} as const;

const VIEW_NAMES = { PA: 'PA', AP: 'AP', LL: 'Lateral' } as const;

/**
 * Directions of rows and columns: frontal images show the patient's left at the right; the lateral faces
 * the left edge, so its rows run to the back. Source: PS3.3 C.7.6.1.1.1.
 */
const PATIENT_ORIENTATIONS = { PA: ['L', 'F'], AP: ['L', 'F'], LL: ['P', 'F'] } as const;

/** Source to detector: the usual 180 cm on the wall stand, 110 cm at the bed. */
const DISTANCE_SOURCE_TO_DETECTOR_MM = { PA: 1800, AP: 1100, LL: 1800 } as const;

/**
 * Every type 1 and 2 attribute of the CR Image IOD (PS3.3 A.2) or the DX Image IOD (PS3.3 A.26) except
 * Image Pixel, and the optional ones that a department's routing reads.
 */
export function radiographAttributes(
  description: RadiographDescription,
  PhotometricInterpretation: 'MONOCHROME1' | 'MONOCHROME2',
): DicomAttributes {
  return {
    ...commonAttributes(description),
    ...(description.kind === 'CR'
      ? CR_ATTRIBUTES
      : dxAttributes(description, PhotometricInterpretation)),
  };
}

function commonAttributes(description: RadiographDescription): DicomAttributes {
  const { view, patient, date, time, AccessionNumber } = description;
  const title = view === 'LL' ? 'Chest PA and lateral' : `Chest ${view}`;
  return {
    SpecificCharacterSet: 'ISO_IR 192',
    ImageType: ['ORIGINAL', 'PRIMARY', ''],
    SOPInstanceUID: description.SOPInstanceUID,
    StudyDate: date,
    SeriesDate: date,
    AcquisitionDate: date,
    ContentDate: date,
    StudyTime: time,
    SeriesTime: time,
    AcquisitionTime: time,
    ContentTime: time,
    AccessionNumber,
    Modality: description.kind,
    Manufacturer: 'preread',
    ReferringPhysicianName: 'Phantom^Referrer',
    StudyDescription: title,
    SeriesDescription: `Chest ${VIEW_NAMES[view]}`,
    ManufacturerModelName: 'Thorax phantom',
    DeviceSerialNumber: '1',
    SoftwareVersions: '1',
    PatientName: patient.PatientName,
    PatientID: patient.PatientID,
    IssuerOfPatientID: 'PREREAD-PHANTOM',
    PatientBirthDate: patient.PatientBirthDate,
    PatientSex: patient.PatientSex,
    PatientAge: patient.PatientAge,
    PatientComments: 'Computed phantom, no person',
    BodyPartExamined: 'CHEST',
    KVP: view === 'AP' ? 90 : 125,
    DistanceSourceToDetector: DISTANCE_SOURCE_TO_DETECTOR_MM[view],
    ImagerPixelSpacing: [description.imagerPixelSpacingMm, description.imagerPixelSpacingMm],
    ViewPosition: view,
    StudyInstanceUID: description.StudyInstanceUID,
    SeriesInstanceUID: description.SeriesInstanceUID,
    StudyID: '1',
    SeriesNumber: description.SeriesNumber,
    InstanceNumber: description.InstanceNumber,
    PatientOrientation: [...PATIENT_ORIENTATIONS[view]],
    BurnedInAnnotation: 'NO',
    WindowCenter: description.windowCenter,
    WindowWidth: description.windowWidth,
    RequestAttributesSequence: [
      {
        StudyInstanceUID: description.StudyInstanceUID,
        AccessionNumber,
        RequestedProcedureDescription: title,
        ScheduledProcedureStepDescription: title,
        RequestedProcedureID: AccessionNumber,
        ScheduledProcedureStepID: AccessionNumber,
        RequestedProcedurePriority: description.RequestedProcedurePriority,
      },
    ],
  };
}

/** CR Series and CR Image modules. Source: PS3.3 C.8.1. */
const CR_ATTRIBUTES: DicomAttributes = {
  SOPClassUID: '1.2.840.10008.5.1.4.1.1.1',
  PlateID: 'PHANTOM',
  PlateType: 'Computed',
  CassetteOrientation: 'PORTRAIT',
};

/** DX Series, DX Anatomy Imaged, DX Image, DX Detector, DX Positioning, Acquisition Context. */
function dxAttributes(
  { view, imagerPixelSpacingMm }: RadiographDescription,
  PhotometricInterpretation: 'MONOCHROME1' | 'MONOCHROME2',
): DicomAttributes {
  const inverse = PhotometricInterpretation === 'MONOCHROME1';
  return {
    SOPClassUID: '1.2.840.10008.5.1.4.1.1.1.1',
    PresentationIntentType: 'FOR PRESENTATION',
    AnatomicRegionSequence: [
      { CodeValue: '816094009', CodingSchemeDesignator: 'SCT', CodeMeaning: 'Chest' },
    ],
    ImageLaterality: 'U',
    PixelIntensityRelationship: 'LOG',
    // More X rays give a lower stored value in MONOCHROME2 (-1), a higher one in MONOCHROME1 (+1).
    PixelIntensityRelationshipSign: inverse ? 1 : -1,
    RescaleIntercept: 0,
    RescaleSlope: 1,
    RescaleType: 'US',
    PresentationLUTShape: inverse ? 'INVERSE' : 'IDENTITY',
    DetectorType: 'SCINTILLATOR',
    DetectorConfiguration: 'AREA',
    DetectorDescription: 'Computed',
    DetectorID: 'PHANTOM',
    DetectorElementSpacing: [imagerPixelSpacingMm, imagerPixelSpacingMm],
    PositionerType: 'NONE',
    ViewCodeSequence: [{ ...VIEW_CODES[view], CodingSchemeDesignator: 'SCT' }],
    AcquisitionContextSequence: [],
  };
}

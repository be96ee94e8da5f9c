import type { InstanceHeader } from '../../core/dicom/instance-header.js';
import { parseUid } from '../../core/dicom/uid.js';
import type { DicomUid } from '../../core/dicom/uid.js';

export function uid(text: string): DicomUid {
  const parsed = parseUid(text);
  if (parsed === undefined) {
    throw new Error(`not a UID: ${text}`);
  }
  return parsed;
}

/** The header of a CR chest, PA, of an adult; override what matters. */
export function instanceHeader(overrides: Partial<InstanceHeader> = {}): InstanceHeader {
  return {
    SOPClassUID: uid('1.2.840.10008.5.1.4.1.1.1'),
    SOPInstanceUID: uid('1.2.3.4.5'),
    SeriesInstanceUID: uid('1.2.3.4'),
    StudyInstanceUID: uid('1.2.3'),
    TransferSyntaxUID: uid('1.2.840.10008.1.2.1'),
    Modality: 'CR',
    BodyPartExamined: 'CHEST',
    ViewPosition: 'PA',
    ViewCodes: [],
    AnatomicRegionCodes: [],
    PatientOrientation: [],
    ImageType: [],
    PresentationIntentType: undefined,
    SeriesDescription: undefined,
    ProtocolName: undefined,
    AcquisitionDeviceProcessingDescription: undefined,
    BurnedInAnnotation: undefined,
    ageYears: 60,
    RequestedProcedurePriority: undefined,
    ...overrides,
  };
}

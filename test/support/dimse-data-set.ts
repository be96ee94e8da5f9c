import { chestElements, encodeElements, EXPLICIT, UIDS, type Elements } from './build-dicom.js';
import { newUid, PATIENT_ID, PATIENT_NAME } from './chest-sender.js';

/** As a modality proposes a plain Computed Radiography image. */
export const CR_CONTEXT = {
  abstractSyntax: UIDS.ComputedRadiographyImageStorage,
  transferSyntaxes: [UIDS.ExplicitVRLittleEndian],
};

export interface ChestDataSet {
  readonly SOPClassUID: string;
  readonly SOPInstanceUID: string;
  readonly StudyInstanceUID: string;
  readonly dataSet: Buffer;
}

/** The data set of a chest radiograph of its own study, as C-STORE carries it. */
export function newDataSet(overrides: Elements = {}): ChestDataSet {
  const [SOPInstanceUID, StudyInstanceUID] = [newUid(), newUid()];
  const elements = chestElements({
    '00080018': ['UI', SOPInstanceUID],
    '00100010': ['PN', PATIENT_NAME],
    '00100020': ['LO', PATIENT_ID],
    '0020000d': ['UI', StudyInstanceUID],
    '0020000e': ['UI', newUid()],
    ...overrides,
  });
  const dataSet = encodeElements(elements, EXPLICIT);
  return {
    SOPClassUID: UIDS.ComputedRadiographyImageStorage,
    SOPInstanceUID,
    StudyInstanceUID,
    dataSet,
  };
}

import type { ModelProvenance } from '../../core/results/outcome.js';
import type { StudyResult } from '../../core/results/study-result.js';
import { DISCLAIMER } from '../../core/results/study-result.js';
import { chestRadiograph } from '../../scripts/phantom/phantom-dicom.js';
import type { DicomAttributes } from '../../scripts/phantom/part10.js';

export const REPORT_UIDS = {
  StudyInstanceUID: '2.25.101',
  SeriesInstanceUID: '2.25.102',
  SOPInstanceUID: '2.25.103',
} as const;

const DX = '1.2.840.10008.5.1.4.1.1.1.1';

const MODEL: ModelProvenance = {
  name: 'preread-cxr14',
  version: '1.1.0',
  sha256: '40446d1b18e85ad0585545788060fca4fb8efede5a2988c88183bb1f6ca607f8',
  precision: 'fp32',
  recipe: 'cxr-square@1',
  operatingPoint: 'youden',
  executionProvider: 'cpu',
};

type Findings = StudyResult['findings'];

const FINDINGS: Findings = [
  {
    key: 'Pneumothorax',
    display: { en: 'Pneumothorax', vi: 'Tràn khí màng phổi' },
    codes: [
      { system: 'SCT', code: '36118008', display: 'Pneumothorax' },
      { system: '99PREREAD', code: 'PNEUMOTHORAX', display: 'Pneumothorax' },
    ],
    probability: 0.8123456789,
    operatingPointScore: 0.91,
    calibratedProbability: 0.42,
    threshold: 0.092747,
    flagged: true,
    priority: 'stat',
    SOPInstanceUID: REPORT_UIDS.SOPInstanceUID,
  },
  {
    key: 'Pleural_Thickening',
    display: { en: 'Pleural thickening', vi: 'Dày màng phổi' },
    codes: [{ system: 'RADLEX', code: 'RID28509', display: 'thickening' }],
    probability: 0.01,
    operatingPointScore: 0.1,
    threshold: 0.2,
    flagged: false,
    priority: 'routine',
    SOPInstanceUID: REPORT_UIDS.SOPInstanceUID,
  },
];

/** Which delivery it is, where a result is sent. */
export const SAMPLE_DELIVERY = {
  deliveryId: '0b0e1c1a-4b6c-4e0e-8f5a-3d1b2c4d5e6f',
  studyId: '5a1f7a60-3f4c-4c4e-9a3e-0d7d5a1c2b3d',
} as const;

/** Between whom an HL7 message of it goes. */
export const SAMPLE_ORU = {
  sendingApplication: 'PREREAD',
  sendingFacility: 'RAD',
  receivingApplication: 'RIS',
  receivingFacility: 'HOSP',
  processingId: 'T',
} as const;

/** The result of a study of one flagged image, as the pipeline makes it. */
export function sampleReport(changes: Partial<StudyResult> = {}): StudyResult {
  return {
    schemaVersion: 1,
    StudyInstanceUID: REPORT_UIDS.StudyInstanceUID,
    resultVersion: 1,
    status: 'preliminary',
    triage: {
      requestedPriority: 'routine',
      priority: 'stat',
      flagged: true,
      flaggedFindings: ['Pneumothorax'],
    },
    analysed: true,
    findings: FINDINGS,
    instances: [
      {
        SOPInstanceUID: REPORT_UIDS.SOPInstanceUID,
        SeriesInstanceUID: REPORT_UIDS.SeriesInstanceUID,
        SOPClassUID: DX,
        outcome: { kind: 'scored', findings: FINDINGS, model: MODEL, warnings: [] },
        timestamps: {
          received: '2026-01-15T08:00:00.000Z',
          queued: '2026-01-15T08:00:00.010Z',
          inferStart: '2026-01-15T08:00:01.000Z',
          inferEnd: '2026-01-15T08:00:01.200Z',
        },
      },
    ],
    models: [MODEL],
    software: { name: 'preread', version: '0.1.0' },
    assembledAt: '2026-01-15T08:00:01.400Z',
    disclaimer: DISCLAIMER,
    ...changes,
  };
}

/** The radiograph of that study: 64 x 64 pixels of a DX image, its patient Vietnamese. */
export function sampleRadiograph(overrides: DicomAttributes = {}): Buffer {
  const pixels = Uint16Array.from({ length: 64 * 64 }, (_, index) => (index % 64) * 60);
  return chestRadiograph(
    { Rows: 64, Columns: 64, BitsStored: 12, pixels },
    {
      kind: 'DX',
      view: 'PA',
      patient: {
        PatientName: 'Nguyễn^Thị Ánh',
        PatientID: 'BN-000123',
        PatientSex: 'F',
        PatientBirthDate: '19700131',
        PatientAge: '055Y',
      },
      ...REPORT_UIDS,
      AccessionNumber: 'ACC-77',
      SeriesNumber: 1,
      InstanceNumber: 1,
      date: '20260115',
      time: '145900',
      imagerPixelSpacingMm: 0.2,
      windowCenter: 2000,
      windowWidth: 4000,
    },
    overrides,
  );
}

import type { RadiographKind, RadiographView } from './chest-header.js';
import type { Pathology } from './pathology.js';

/** One invented examination: who, how it was taken, and what there is to find. */
export interface DemoCase {
  /** Short name, fit for a folder. */
  readonly name: string;
  /** What a reader should see. */
  readonly finding: string;
  readonly pathology: Pathology;
  readonly PatientName: string;
  readonly sex: 'F' | 'M';
  readonly ageYears: number;
  readonly kind: RadiographKind;
  readonly PhotometricInterpretation: 'MONOCHROME1' | 'MONOCHROME2';
  readonly views: readonly RadiographView[];
  readonly RequestedProcedurePriority?: 'STAT' | 'HIGH' | 'ROUTINE';
}

/** The names are made up; none is a patient's. */
export const DEMO_CASES: readonly DemoCase[] = [
  {
    name: 'normal',
    finding: 'nothing abnormal; the lateral is not a frontal view',
    pathology: { kind: 'none' },
    PatientName: 'Nguyễn^Văn An',
    sex: 'M',
    ageYears: 46,
    kind: 'DX',
    PhotometricInterpretation: 'MONOCHROME2',
    views: ['PA', 'LL'],
  },
  {
    name: 'effusion',
    finding: 'pleural effusion on the right',
    pathology: { kind: 'effusion', side: 'right', heightMm: 62 },
    PatientName: 'Trần^Thị Bích Ngọc',
    sex: 'F',
    ageYears: 71,
    kind: 'CR',
    PhotometricInterpretation: 'MONOCHROME1',
    views: ['PA'],
  },
  {
    name: 'pneumothorax',
    finding: 'pneumothorax on the left; ordered as STAT',
    pathology: { kind: 'pneumothorax', side: 'left', rimMm: 34 },
    PatientName: 'Phantom^Quentin',
    sex: 'M',
    ageYears: 27,
    kind: 'DX',
    PhotometricInterpretation: 'MONOCHROME1',
    views: ['PA'],
    RequestedProcedurePriority: 'STAT',
  },
  {
    name: 'large-heart',
    finding: 'cardiomegaly, taken at the bedside',
    pathology: { kind: 'cardiomegaly', cardiothoracicRatio: 0.64 },
    PatientName: 'Lê^Đức Thịnh',
    sex: 'M',
    ageYears: 78,
    kind: 'CR',
    PhotometricInterpretation: 'MONOCHROME2',
    views: ['AP'],
  },
  {
    name: 'nodule',
    finding: 'nodule of 22 mm in the right upper lung',
    pathology: { kind: 'nodule', side: 'right', height: 0.36, across: 0.62, diameterMm: 22 },
    PatientName: 'Phạm^Hồng Hạnh',
    sex: 'F',
    ageYears: 63,
    kind: 'DX',
    PhotometricInterpretation: 'MONOCHROME2',
    views: ['PA'],
  },
  {
    name: 'large-effusion',
    finding: 'large pleural effusion on the left, taken at the bedside',
    pathology: { kind: 'effusion', side: 'left', heightMm: 120 },
    PatientName: 'Sample^Øystein',
    sex: 'M',
    ageYears: 68,
    kind: 'CR',
    PhotometricInterpretation: 'MONOCHROME2',
    views: ['AP'],
    RequestedProcedurePriority: 'HIGH',
  },
  {
    name: 'normal-woman',
    finding: 'nothing abnormal; breast shadows',
    pathology: { kind: 'none' },
    PatientName: 'Võ^Thị Lan Anh',
    sex: 'F',
    ageYears: 34,
    kind: 'CR',
    PhotometricInterpretation: 'MONOCHROME1',
    views: ['PA'],
    RequestedProcedurePriority: 'ROUTINE',
  },
  {
    name: 'small-nodule',
    finding: 'nodule of 13 mm in the left lower lung',
    pathology: { kind: 'nodule', side: 'left', height: 0.66, across: 0.78, diameterMm: 13 },
    PatientName: 'Example^Ingeborg',
    sex: 'F',
    ageYears: 58,
    kind: 'DX',
    PhotometricInterpretation: 'MONOCHROME2',
    views: ['PA'],
  },
];

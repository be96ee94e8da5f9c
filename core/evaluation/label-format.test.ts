import { describe, expect, it } from 'vitest';

import { ageBand } from './demographics.js';
import { labelFormatOf, type LabelOptions } from './label-format.js';
import { labelOf } from './label-values.js';

const FINDINGS = ['Atelectasis', 'Effusion', 'Pleural_Thickening', 'Lung Opacity'];
const OPTIONS: LabelOptions = {
  subgroups: [],
  policies: { uncertain: 'ignore', blank: 'ignore' },
  findings: FINDINGS,
};

function read(header: string, row: string, options: Partial<LabelOptions> = {}) {
  const format = labelFormatOf(header.split(','), { ...OPTIONS, ...options });
  const image = format.read(row.split(','));
  return { format, ...image, labels: [...image.labels] };
}

const NIH =
  'Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],';
const CHEXPERT =
  'Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices';

describe('labels of NIH ChestX-ray14', () => {
  it('are positive where named and negative where not; findings of other sets are unknown', () => {
    const row = '00000001_000.png,Effusion|Pleural_Thickening,0,1,058Y,M,PA,2682,2749,0.143,0.143,';
    const found = read(NIH, row);
    expect(found.format).toMatchObject({
      name: 'nih',
      join: 'file',
      patientColumn: 'Patient ID',
      subgroups: ['sex', 'age', 'view'],
    });
    expect(found).toMatchObject({
      image: '00000001_000.png',
      patient: '1',
      labels: [0, 1, 1, -1],
      groups: ['M', '40-59', 'PA'],
    });
    expect(found.format.labelled).toEqual([true, true, true, false]);
  });

  it('are refused when a label is none of the set, without its text', () => {
    const row = '1.png,Jane Doe,0,1,58,M,PA,,,,,';
    expect(() => read(NIH, row)).toThrow('something that is no label of ChestX-ray14');
    expect(() => read(NIH, row)).not.toThrow('Jane');
  });
});

describe('labels of CheXpert', () => {
  const path = 'CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg';
  const row = `${path},Female,68,Frontal,AP,,,,0.0,,,,,-1.0,,1.0,,,`;

  it('are read by the names of that set, the patient from the path', () => {
    const found = read(CHEXPERT, row);
    expect(found.format).toMatchObject({ name: 'chexpert', join: 'file' });
    expect(found).toMatchObject({
      image: path,
      patient: 'patient00001',
      labels: [-1, 1, -1, 0],
      groups: ['F', '60-79', 'AP'],
    });
  });

  it('count uncertain and blank ones as they are told to', () => {
    const policies = { uncertain: 'positive', blank: 'negative' } as const;
    expect(read(CHEXPERT, row, { policies }).labels).toEqual([1, 1, -1, 0]);
    const negative = { uncertain: 'negative', blank: 'ignore' } as const;
    expect(read(CHEXPERT, row, { policies: negative }).labels[0]).toBe(0);
  });
});

describe('labels of MIMIC-CXR', () => {
  it('are of a study, or of an image where there is a dicom_id', () => {
    const study = read('subject_id,study_id,Atelectasis', '10000032,50414267,1.0');
    expect(study.format).toMatchObject({ name: 'mimic', join: 'study' });
    expect(study).toMatchObject({ image: '50414267', patient: '10000032' });
    const image = read('subject_id,study_id,dicom_id,Atelectasis', '1,2,abc,1.0');
    expect(image.format.join).toBe('file');
    expect(image.image).toBe('abc');
  });
});

describe('tidy labels', () => {
  it('are found by the names of columns, in any order and spelling', () => {
    const found = read('patient,pleural thickening,pleural effusion,image', '7,1,no,a/b.dcm');
    expect(found.format).toMatchObject({ name: 'tidy', patientColumn: 'patient' });
    expect(found).toMatchObject({ image: 'a/b.dcm', patient: '7', labels: [-1, 0, 1, -1] });
  });

  it('take the columns that are named, and split by others', () => {
    const found = read('mrn,file,bild,Effusion,scanner', '7,x,y,1, DX-1 ', {
      imageColumn: 'bild',
      patientColumn: 'mrn',
      subgroups: ['scanner'],
    });
    expect(found).toMatchObject({ image: 'y', patient: '7', groups: ['DX-1'] });
  });

  it('are joined by SOPInstanceUID when that names the image', () => {
    expect(read('SOPInstanceUID,Effusion', '1.2.3,1').format.join).toBe('instance');
  });

  it.each([
    ['image,Hernia', {}, 'no column for any of'],
    ['Effusion,other', {}, 'no column that names the image'],
    ['image,Effusion', { patientColumn: 'mrn' }, 'no column "mrn". It has: image, Effusion'],
    ['image,Effusion', { subgroups: ['site'] }, 'no column "site"'],
  ])('under the header %s are refused', (header, options, message) => {
    expect(() => read(header, 'a,1', options)).toThrow(message);
  });

  it('that are no labels are refused, naming the column only', () => {
    expect(() => read('image,Effusion', 'a,0.73')).toThrow('the column Effusion holds');
  });
});

describe('labelOf', () => {
  it('knows how label sets write yes and no', () => {
    const policies = { uncertain: 'ignore', blank: 'negative' } as const;
    const texts = ['1', '1.0', 'TRUE', 'YES', '0', '0.0', 'No', '-1', '-1.0', '', 'NaN', '2', 'x'];
    expect(texts.map((text) => labelOf(text, policies))).toEqual([
      1,
      1,
      1,
      1,
      0,
      0,
      0,
      -1,
      -1,
      0,
      0,
      undefined,
      undefined,
    ]);
  });
});

describe('ageBand', () => {
  it('has bands of adults and children, and nobody older than 120', () => {
    const texts = ['0', '17', '018Y', '39.5', '59', '79', '80', '120', '413', '', '006M'];
    expect(texts.map(ageBand)).toEqual([
      '0-17',
      '0-17',
      '18-39',
      '18-39',
      '40-59',
      '60-79',
      '80+',
      '80+',
      '',
      '',
      '',
    ]);
  });
});

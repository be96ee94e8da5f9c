import { describe, expect, it } from 'vitest';

import { createLabelIndex } from './join-labels.js';
import type { JoinKind } from './label-format.js';

function index(join: JoinKind, ...images: readonly string[]) {
  return createLabelIndex(
    images.map((image) => ({ image })),
    join,
  );
}

function scored(file: string, SOPInstanceUID = '', StudyInstanceUID = '') {
  return { file, SOPInstanceUID, StudyInstanceUID };
}

describe('labels by file', () => {
  it('are found whatever the folder and the extension', () => {
    const labels = index('file', '00000001_000.png', '00000001_001.png');
    expect(labels.depth).toBe(1);
    expect(labels.find(scored('archive/x/00000001_001.dcm'))).toBe(1);
    expect(labels.find(scored('archive/00000002_000.dcm'))).toBeUndefined();
  });

  it('are told apart by as many parts of the path as it takes', () => {
    const labels = index(
      'file',
      'set/train/patient1/study1/view1_frontal.jpg',
      'set/train/patient1/study2/view1_frontal.jpg',
      'set/train/patient2/study1/view1_frontal.jpg',
    );
    expect(labels.depth).toBe(3);
    expect(labels.find(scored('/data/patient2/study1/view1_frontal.jpg'))).toBe(2);
    expect(labels.find(scored('view1_frontal.jpg'))).toBeUndefined();
  });

  it('count once; repeated rows, and those that name no image, are told', () => {
    const labels = index('file', 'a.png', 'b.png', 'a.png', '');
    expect(labels.repeated).toEqual([2, 3]);
    expect(labels.find(scored('a.png'))).toBe(0);
  });

  it('do not lose what stands behind a dot in a name', () => {
    const labels = index('file', '1.2.840.1', '1.2.840.2');
    expect(labels.find(scored('1.2.840.2.dcm'))).toBe(1);
  });
});

it('labels by instance are found by SOPInstanceUID', () => {
  expect(index('instance', '1.2', '1.3').find(scored('x', '1.3'))).toBe(1);
  expect(index('instance', '').find(scored('x'))).toBeUndefined();
});

it('labels of a study are found by StudyInstanceUID and by the folder of MIMIC-CXR', () => {
  const labels = index('study', '50414267', '1.2.3');
  expect(labels.find(scored('files/p10/p10000032/s50414267/ab.dcm'))).toBe(0);
  expect(labels.find(scored('x.dcm', '', '1.2.3'))).toBe(1);
});

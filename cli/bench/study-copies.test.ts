import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { ORIGINAL_UIDS, copyUid, studyCopier } from './study-copies.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-copies-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('a copy is the file with its own UIDs wherever those of the original stood', async () => {
  const { StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID } = ORIGINAL_UIDS;
  const path = join(folder, 'study.dcm');
  await writeFile(
    path,
    [SOPInstanceUID, 'a', StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID].join(''),
  );
  const copier = await studyCopier(path);
  const copy = copier();
  copy(16);
  const { bytes, StudyInstanceUID: ofCopy } = copy(17);
  expect(ofCopy).toBe(copyUid(17, 1));
  expect(bytes.toString()).toBe(
    [copyUid(1700, 3), 'a', copyUid(17, 1), copyUid(17, 2), copyUid(1700, 3)].join(''),
  );
});

test('copies with one number are images of one study', async () => {
  const { StudyInstanceUID, SOPInstanceUID } = ORIGINAL_UIDS;
  const path = join(folder, 'study.dcm');
  await writeFile(path, StudyInstanceUID + SOPInstanceUID);
  const copier = await studyCopier(path);
  const texts = [0, 1].map((image) => copier()(17, image).bytes.toString());
  expect(texts).toEqual([copyUid(17, 1) + copyUid(1700, 3), copyUid(17, 1) + copyUid(1701, 3)]);
});

test('copies have different UIDs of a length that DICOM allows', () => {
  const uids = [copyUid(1, 1), copyUid(2, 1), copyUid(1, 2), copyUid(123456, 3)];
  expect(new Set(uids).size).toBe(uids.length);
  for (const uid of uids) {
    expect(uid).toMatch(/^2\.25\.[1-9]\d{37}$/);
  }
});

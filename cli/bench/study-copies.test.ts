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
    [copyUid(17, 3), 'a', copyUid(17, 1), copyUid(17, 2), copyUid(17, 3)].join(''),
  );
});

test('copies have different UIDs of a length that DICOM allows', () => {
  const uids = [copyUid(1, 1), copyUid(2, 1), copyUid(1, 2), copyUid(123456, 3)];
  expect(new Set(uids).size).toBe(uids.length);
  for (const uid of uids) {
    expect(uid).toMatch(/^2\.25\.[1-9]\d{37}$/);
  }
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll } from 'vitest';

import { ERRORS, type ErrorCode } from '../../core/errors.js';
import type { StoredInstance } from '../../core/storage/study-store.js';
import { openStudies, type TestStudies } from './studies.js';

export interface StudiesFixture {
  readonly folder: string;
  readonly database: TestStudies;
}

/** A folder and an embedded database for the tests of a file. */
export function useStudies(): () => StudiesFixture {
  let fixture: StudiesFixture;

  beforeAll(async () => {
    fixture = {
      folder: await mkdtemp(join(tmpdir(), 'preread-studies-')),
      database: await openStudies(),
    };
  });

  afterAll(async () => {
    await fixture.database.close();
    await rm(fixture.folder, { recursive: true });
  });

  return () => fixture;
}

/** What the database has of a study. */
export async function instancesOf(
  { studies }: Pick<TestStudies, 'studies'>,
  StudyInstanceUID: string,
): Promise<readonly StoredInstance[]> {
  return (await studies.findStudy(StudyInstanceUID))?.instances ?? [];
}

/** What a sender over DICOM is told of an error. */
export function failureReason(code: ErrorCode): number {
  return ERRORS[code].failureReason;
}

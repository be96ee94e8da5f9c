import type { Kysely } from 'kysely';

import { objectUid } from '../../../core/delivery/dicom/result-object.js';
import { hex128OfUid } from '../../../core/dicom/uid.js';
import type { DicomUid } from '../../../core/dicom/uid.js';
import { studyResultSchema } from '../../../core/results/study-result.js';
import type { StudyStore } from '../../../core/storage/study-store.js';
import type { DatabaseSchema } from '../schema.js';
import { storedUid } from './rows.js';

type Db = Kysely<DatabaseSchema>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export async function findByDiagnosticReport(db: Db, id: string): Promise<DicomUid | undefined> {
  if (!UUID.test(id)) {
    return undefined;
  }
  const row = await db
    .selectFrom('studies')
    .select('StudyInstanceUID')
    .where('diagnostic_report_id', '=', id)
    .executeTakeFirst();
  return row && storedUid(row.StudyInstanceUID);
}

export async function findByStructuredReport(
  db: Db,
  SOPInstanceUID: DicomUid,
): ReturnType<StudyStore['findByStructuredReport']> {
  const hex = hex128OfUid(SOPInstanceUID);
  if (hex === undefined) {
    return undefined;
  }
  const rows = await db
    .selectFrom('results')
    .select('result')
    // Without version and variant of the UUID, as the migration keeps it.
    .where('report_key', '=', `${hex.slice(0, 12)}${hex.slice(13, 16)}${hex.slice(17)}`)
    .execute();
  const found = rows
    .map(({ result }) => studyResultSchema.parse(result))
    .find((result) => objectUid('sr', result) === SOPInstanceUID);
  return (
    found && {
      StudyInstanceUID: storedUid(found.StudyInstanceUID),
      resultVersion: found.resultVersion,
    }
  );
}

import type { Kysely } from 'kysely';

import type { StudyResult } from '../../../core/results/study-result.js';
import { studyResultSchema } from '../../../core/results/study-result.js';
import type {
  DeliveryInHand,
  StoredDelivery,
  StoredInstance,
  StudySnapshot,
} from '../../../core/storage/study-store.js';
import type { DatabaseSchema } from '../schema.js';
import { toDelivery, toInstance, toStudy } from './rows.js';

type Db = Kysely<DatabaseSchema>;

export async function loadInstance(
  db: Db,
  instanceId: string,
): Promise<StoredInstance | undefined> {
  const row = await db
    .selectFrom('instances')
    .innerJoin('studies', 'studies.study_id', 'instances.study_id')
    .selectAll('instances')
    .select('StudyInstanceUID')
    .where('instance_id', '=', instanceId)
    .executeTakeFirst();
  return row && toInstance(row, row.StudyInstanceUID);
}

export async function loadStudy(db: Db, studyId: string): Promise<StudySnapshot | undefined> {
  // One statement sees one state of the database. The result needs no part in that: the study's row
  // names its version, and a version never changes.
  const rows = await db
    .selectFrom('studies')
    .innerJoin('instances', 'instances.study_id', 'studies.study_id')
    .selectAll(['studies', 'instances'])
    .where('studies.study_id', '=', studyId)
    .orderBy('received_at')
    .orderBy('SOPInstanceUID')
    .execute();
  const [first] = rows;
  if (first === undefined) {
    return undefined;
  }
  return {
    study: toStudy(first),
    instances: rows.map((row) => toInstance(row, row.StudyInstanceUID)),
    latestResult:
      first.result_version === null
        ? undefined
        : await loadResult(db, studyId, first.result_version),
  };
}

export async function loadResult(
  db: Db,
  studyId: string,
  resultVersion: number,
): Promise<StudyResult | undefined> {
  const row = await db
    .selectFrom('results')
    .select('result')
    .where('study_id', '=', studyId)
    .where('result_version', '=', resultVersion)
    .executeTakeFirst();
  return row && studyResultSchema.parse(row.result);
}

export async function loadDelivery(
  db: Db,
  deliveryId: string,
): Promise<DeliveryInHand | undefined> {
  const row = await db
    .selectFrom('deliveries')
    .innerJoin('results', (join) =>
      join
        .onRef('results.study_id', '=', 'deliveries.study_id')
        .onRef('results.result_version', '=', 'deliveries.result_version'),
    )
    .leftJoin('closed_destinations', 'closed_destinations.destination', 'deliveries.destination')
    .selectAll('deliveries')
    .select(['closed_at', 'result'])
    .where('delivery_id', '=', deliveryId)
    .executeTakeFirst();
  return (
    row && {
      ...toDelivery(row),
      destinationClosed: row.closed_at !== null,
      result: () => studyResultSchema.parse(row.result),
    }
  );
}

export async function findStudy(
  db: Db,
  StudyInstanceUID: string,
): Promise<(StudySnapshot & { readonly deliveries: readonly StoredDelivery[] }) | undefined> {
  const study = await db
    .selectFrom('studies')
    .select('study_id')
    .where('StudyInstanceUID', '=', StudyInstanceUID)
    .executeTakeFirst();
  const snapshot = study && (await loadStudy(db, study.study_id));
  if (snapshot === undefined) {
    return undefined;
  }
  const deliveries = await db
    .selectFrom('deliveries')
    .selectAll()
    .where('study_id', '=', snapshot.study.studyId)
    .orderBy('result_version')
    .orderBy('destination')
    .execute();
  return { ...snapshot, deliveries: deliveries.map(toDelivery) };
}

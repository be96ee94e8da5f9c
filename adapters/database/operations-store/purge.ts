import { sql } from 'kysely';

import type { PurgedStudies, PurgeQuery } from '../../../core/storage/operations-store.js';
import type { Writing } from '../study-store/writing.js';
import { audit } from './audit.js';

/**
 * Studies that are ready, of which nothing waits for delivery or for a person, and of which the youngest
 * image is old enough. What others work on at this moment is left for the next time.
 */
export async function purge(
  writing: Writing,
  { storedBeforeMs, limit }: PurgeQuery,
  reason: string,
): Promise<PurgedStudies> {
  const before = new Date(storedBeforeMs);
  const { rows } = await sql<{ study_id: string; object_key: string }>`
    WITH old AS (
      SELECT instances.study_id, min(coalesce(stored_again_at, received_at)) AS age
      FROM instances JOIN studies USING (study_id)
      WHERE purged_at IS NULL AND coalesce(stored_again_at, received_at) < ${before}
        AND assembled_activity >= activity
        AND NOT EXISTS (
          SELECT FROM deliveries
          WHERE deliveries.study_id = instances.study_id AND state IN ('waiting', 'pending', 'dead'))
        AND NOT EXISTS (
          SELECT FROM instances AS younger
          WHERE younger.study_id = instances.study_id AND purged_at IS NULL
            AND coalesce(stored_again_at, received_at) >= ${before})
      GROUP BY 1 ORDER BY 2 LIMIT ${limit}),
    locked AS (
      SELECT study_id FROM studies
      WHERE study_id IN (SELECT study_id FROM old) AND assembled_activity >= activity
      FOR UPDATE SKIP LOCKED)
    UPDATE instances SET purged_at = ${writing.now}
    FROM locked
    WHERE instances.study_id = locked.study_id AND purged_at IS NULL
    RETURNING instances.study_id, object_key`.execute(writing.trx);
  const studies = new Set(rows.map((row) => row.study_id));
  for (const studyId of studies) {
    await audit(writing, {
      actor: 'retention',
      action: 'purge',
      subjectId: studyId,
      detail: { reason, objects: rows.filter((row) => row.study_id === studyId).length },
    });
  }
  return { studies: studies.size, objectKeys: rows.map((row) => row.object_key) };
}

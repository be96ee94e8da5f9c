import { sql } from 'kysely';

import type { JobName } from '../../../core/jobs/jobs.js';
import type { QuietSince } from '../../../core/storage/study-store.js';
import type { Writing } from './writing.js';

/**
 * Rows that another transaction holds are skipped: somebody is at work on them. The time of the request
 * is noted, so that work which waits long in a queue is asked for once a quiet period, not at each sweep.
 */
export async function requeueUnfinished(
  { trx, now, addJobs }: Writing,
  quietSince: number | QuietSince,
): Promise<number> {
  const since = (name: JobName): Date =>
    new Date(typeof quietSince === 'number' ? quietSince : quietSince[name]);

  const instances = await sql<{ instance_id: string; rank: number }>`
    UPDATE instances SET inference_requested_at = ${now}
    FROM studies
    WHERE studies.study_id = instances.study_id AND instance_id IN (
      SELECT instance_id FROM instances
      WHERE outcome IS NULL AND inference_requested_at < ${since('infer')}
        AND NOT EXISTS (
          SELECT FROM parked_jobs WHERE name = 'infer' AND subject_id = instance_id)
      FOR UPDATE SKIP LOCKED)
    RETURNING instance_id, requested_priority_rank AS rank`.execute(trx);

  const studies = await sql<{ study_id: string; activity: number; rank: number }>`
    UPDATE studies SET assembly_requested_at = ${now}
    WHERE study_id IN (
      SELECT study_id FROM studies
      WHERE activity > assembled_activity
        AND greatest(last_activity_at, held_until, assembly_requested_at) < ${since('assemble')}
        AND NOT EXISTS (
          SELECT FROM instances
          WHERE instances.study_id = studies.study_id AND outcome IS NULL)
        AND NOT EXISTS (
          SELECT FROM parked_jobs WHERE name = 'assemble' AND subject_id = studies.study_id)
      FOR UPDATE SKIP LOCKED)
    RETURNING study_id, activity, requested_priority_rank AS rank`.execute(trx);

  const deliveries = await sql<{ delivery_id: string; rank: number }>`
    UPDATE deliveries SET delivery_requested_at = ${now}
    FROM studies
    WHERE studies.study_id = deliveries.study_id AND delivery_id IN (
      SELECT delivery_id FROM deliveries
      WHERE state = 'pending'
        AND greatest(delivery_requested_at, next_attempt_at) < ${since('deliver')}
        AND NOT EXISTS (
          SELECT FROM parked_jobs WHERE name = 'deliver' AND subject_id = delivery_id)
      FOR UPDATE SKIP LOCKED)
    RETURNING delivery_id, coalesce(priority_rank, requested_priority_rank) AS rank`.execute(trx);

  const jobs = [
    ...instances.rows.map(({ instance_id: instanceId, rank }) => ({
      name: 'infer' as const,
      payload: { instanceId },
      priorityRank: rank,
    })),
    ...studies.rows.map(({ study_id: studyId, activity, rank }) => ({
      name: 'assemble' as const,
      payload: { studyId, activity },
      priorityRank: rank,
    })),
    ...deliveries.rows.map(({ delivery_id: deliveryId, rank }) => ({
      name: 'deliver' as const,
      payload: { deliveryId },
      priorityRank: rank,
    })),
  ];
  await addJobs(jobs);
  return jobs.length;
}

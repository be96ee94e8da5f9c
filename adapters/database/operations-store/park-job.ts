import type { ParkedJob } from '../../../core/storage/operations-store.js';
import type { Writing } from '../study-store/writing.js';

export async function parkJob({ trx, now }: Writing, job: ParkedJob): Promise<void> {
  const facts = { error: job.error, attempts: job.attempts, parked_at: now };
  await trx
    .insertInto('parked_jobs')
    .values({ name: job.name, subject_id: job.subjectId, ...facts })
    .onConflict((conflict) => conflict.columns(['name', 'subject_id']).doUpdateSet(facts))
    .execute();
}

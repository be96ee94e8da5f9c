import type { AddJobSql, JobSql } from '../../core/jobs/job-sql.js';
import { JOB_NAMES, type JobName } from '../../core/jobs/jobs.js';
import { commonJobOptions, queueName } from './job-options.js';

/**
 * The SQL expression that adds a job to the queue on PostgreSQL, for a transaction that makes work: the job then
 * exists exactly if the transaction does, and neither an outbox nor a relay is needed between. It calls the
 * function that BullMQ's own `Queue.add` calls (`add_job` of its migrations), with the same arguments.
 */
export function addJobSql(prefix: string): AddJobSql {
  const byName = (valueOf: (name: JobName) => string, { name }: JobSql): string =>
    `CASE ${name} ${JOB_NAMES.map((each) => `WHEN '${each}' THEN ${valueOf(each)}`).join(' ')} END`;
  return (job) => {
    const { id, name, payload, priorityRank, delayMs, addedAtMs } = job;
    const common = byName(
      (each) => `${literal(JSON.stringify(commonJobOptions(each)))}::jsonb`,
      job,
    );
    const own = `jsonb_build_object('jobId', ${id}, 'priority', ${priorityRank}, 'delay', ${delayMs})`;
    const queue = byName((each) => literal(queueName(prefix, each)), job);
    const attempts = byName((each) => String(commonJobOptions(each).attempts), job);
    // The last six: parent's queue, id and key, deduplication, scheduler, last in first out.
    return `add_job(${queue}, ${id}, ${name}, ${payload}, ${common} || ${own}, ${priorityRank}, ${delayMs},
      ${addedAtMs}, ${attempts}, NULL, NULL, NULL, NULL, NULL, false)`;
  };
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

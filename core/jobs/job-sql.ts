/** A job's parts as SQL expressions, for a queue that lies in the database. */
export interface JobSql {
  /** text */
  readonly id: string;
  /** text */
  readonly name: string;
  /** jsonb */
  readonly payload: string;
  /** integer */
  readonly priorityRank: string;
  /** bigint, ms from `addedAtMs` on */
  readonly delayMs: string;
  /** bigint, epoch ms */
  readonly addedAtMs: string;
}

/** Of a queue in the same database: the SQL expression that adds a job to it. */
export type AddJobSql = (job: JobSql) => string;

/** Where a job can be; core/states/machines.ts says what each means. */
export const JOB_STATES = [
  'outbox',
  'waiting',
  'delayed',
  'active',
  'done',
  'failed',
  'parked',
] as const;
export type JobState = (typeof JOB_STATES)[number];

import { z } from 'zod';

/**
 * The jobs, and what they mean.
 *
 * - `infer`: give one instance its outcome.
 * - `assemble`: make a study's result when its images are quiet. Only the job that carries the study's
 *   latest activity number does anything: that is the debounce, without a timer that could be lost.
 * - `deliver`: one attempt to bring one result to one destination.
 *
 * Payloads are ids of our own: never pixels, patient data or DICOM UIDs. Every handler is idempotent,
 * because a queue delivers at least once.
 */
export const JOBS = {
  infer: z.strictObject({ instanceId: z.uuid() }),
  assemble: z.strictObject({ studyId: z.uuid(), activity: z.int().positive() }),
  deliver: z.strictObject({ deliveryId: z.uuid() }),
} as const;

export type JobName = keyof typeof JOBS;
export type JobPayload<N extends JobName> = z.infer<(typeof JOBS)[N]>;
export const JOB_NAMES = Object.keys(JOBS) as readonly JobName[];

/** A job that waits in the outbox or goes to the queue. `id` makes enqueueing idempotent. */
export type NewJob = {
  [N in JobName]: {
    readonly id: string;
    readonly name: N;
    readonly payload: JobPayload<N>;
    /** 1 (most urgent) to 3, see `priorityRank`. */
    readonly priorityRank: number;
    /** Not before this time, epoch ms. */
    readonly notBeforeMs?: number;
    /** Of the image that the work goes back to, for spans of the queue. */
    readonly traceId?: string;
  };
}[JobName];

import type { createPostgresBackend } from 'bullmq';

type Backend = ReturnType<typeof createPostgresBackend>;

/** BullMQ's answer to a worker that asks for a job where there is none. */
const NO_JOB = [null, '', 0, 0];

/**
 * Saves the database of a worker's backend the questions of which the answer is known or is found otherwise. A worker of
 * BullMQ that is not busy asks four times about each job whether there is another one, and each time does what
 * a claim does.
 *
 * - A job that came alone is no reason to claim another one: the worker goes back to waiting, which looks before
 *   it waits.
 * - While the worker waits for a job, one that is finished claims none: whatever comes wakes the worker.
 *
 * Of a worker that is busy nothing is saved: with each job that it finishes it claims the next one.
 */
export function spareClaims(backend: Backend): Backend {
  const claim = backend.moveToActive.bind(backend);
  const complete = backend.moveToCompleted.bind(backend);
  const fail = backend.moveToFailed.bind(backend);
  const wait = backend.waitForJob.bind(backend);
  /** The worker waits for a job. */
  let waiting = false;
  /** It has waited, and has not claimed since. */
  let woken = false;
  /** Nothing was finished since the last claim that was saved: several jobs may have come at once. */
  let several = false;
  let skip = false;

  /** Whether to claim with the end of a job, when the worker would. */
  function claimsAtEnd(fetchNext: boolean): boolean {
    skip = false;
    several &&= !waiting;
    return fetchNext && !waiting;
  }

  backend.moveToActive = async (token, name) => {
    if (skip) {
      skip = false;
      return NO_JOB;
    }
    const hadWaited = woken;
    woken = false;
    const claimed: unknown[] = await claim(token, name);
    const found = Boolean(claimed[0]);
    skip = found && hadWaited && !several;
    several = found && (several || skip);
    return claimed;
  };
  backend.moveToCompleted = (job, returnValue, removeOnComplete, token, fetchNext) =>
    complete(job, returnValue, removeOnComplete, token, claimsAtEnd(fetchNext));
  backend.moveToFailed = (job, reason, removeOnFail, token, fetchNext, fields) =>
    fail(job, reason, removeOnFail, token, claimsAtEnd(fetchNext), fields);
  backend.waitForJob = async (blockTimeout) => {
    skip = false;
    waiting = true;
    try {
      return await wait(blockTimeout);
    } finally {
      waiting = false;
      woken = true;
    }
  };
  return backend;
}

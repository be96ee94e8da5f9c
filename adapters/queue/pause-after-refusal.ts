import { setTimeout as sleep } from 'node:timers/promises';

import type { IQueueBackend } from 'bullmq';

/** What a worker asks its backend for, over and over. */
type Asked = Pick<IQueueBackend, 'moveToActive' | 'waitForJob' | 'disconnectBlocking'>;

export interface RefusalEvents {
  /** The first failure of several. */
  readonly onRefused: (error: unknown) => void;
  /** The first success after that. */
  readonly onServed: () => void;
}

/**
 * Holds back a question of a worker that failed. After an error that is none of the connection a worker of BullMQ
 * asks again at once when it claims (2,000 times a second of a Redis that has become a replica), and ten times a second
 * when it waits; where that needs no network, as with the embedded database, nothing else in the process would run
 * any more. A worker that is closed does not wait for the end of a pause.
 */
export function pauseAfterRefusal<B extends Asked>(
  backend: B,
  events: RefusalEvents,
  pause = aSecond,
): B {
  const claim = backend.moveToActive.bind(backend);
  const wait = backend.waitForJob.bind(backend);
  const disconnect = backend.disconnectBlocking.bind(backend);
  const closing = new AbortController();
  /** Questions whose last answer was a refusal: a wait may succeed while claims fail, and the reverse. */
  const refused = new Set<Ask>();

  async function asking<T>(ask: Ask, answer: Promise<T>, isRefusal: IsRefusal): Promise<T> {
    try {
      const answered = await answer;
      if (refused.delete(ask) && refused.size === 0) {
        events.onServed();
      }
      return answered;
    } catch (error) {
      if (isRefusal(error) && !closing.signal.aborted) {
        if (refused.size === 0) {
          events.onRefused(error);
        }
        refused.add(ask);
        await pause(closing.signal);
      }
      throw error;
    }
  }

  backend.moveToActive = (token, name) => asking('claim', claim(token, name), () => true);
  backend.waitForJob = (blockTimeout) => asking('wait', wait(blockTimeout), isRefusedWait);
  backend.disconnectBlocking = (...args) => {
    closing.abort();
    return disconnect(...args);
  };
  return backend;
}

type Ask = 'claim' | 'wait';
type IsRefusal = (error: unknown) => boolean;

/**
 * A wait that ended with its connection begins anew at once, with another one. So does a wait that Redis ends because
 * it has become a replica: what it refuses from then on, it says then.
 */
function isRefusedWait(error: unknown): boolean {
  return (
    error instanceof Error && error.name === 'ReplyError' && !error.message.startsWith('UNBLOCKED')
  );
}

/** Or less, for who closes. */
async function aSecond(signal: AbortSignal): Promise<void> {
  await sleep(1_000, undefined, { ref: false, signal }).catch(() => undefined);
}

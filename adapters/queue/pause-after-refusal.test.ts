import { setImmediate as soon } from 'node:timers/promises';

import type { IQueueBackend } from 'bullmq';
import { expect, test } from 'vitest';

import { pauseAfterRefusal } from './pause-after-refusal.js';

const READONLY = Object.assign(new Error("READONLY You can't write against a read only replica."), {
  name: 'ReplyError',
});
const UNBLOCKED = Object.assign(
  new Error('UNBLOCKED force unblock from blocking operation, instance state changed'),
  { name: 'ReplyError' },
);
const LOST = new Error('Connection is closed.');

function backendWith(answers: { claim?: Error; wait?: Error }) {
  const told: string[] = [];
  const pauses: (() => void)[] = [];
  const pause = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      pauses.push(resolve);
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
  const endPauses = async () => {
    await soon();
    pauses.splice(0).forEach((end) => {
      end();
    });
    await soon();
  };
  const answerOf = (error: Error | undefined) =>
    error === undefined ? Promise.resolve() : Promise.reject(error);
  const backend = pauseAfterRefusal<
    Pick<IQueueBackend, 'moveToActive' | 'waitForJob' | 'disconnectBlocking'>
  >(
    {
      moveToActive: () => answerOf(answers.claim).then(() => []),
      waitForJob: () => answerOf(answers.wait).then(() => null),
      disconnectBlocking: () => Promise.resolve(),
    },
    {
      onRefused: (error) => told.push(error instanceof Error ? error.message : ''),
      onServed: () => told.push('served'),
    },
    pause,
  );
  /** Whether a question has failed by now. */
  const watch = (question: Promise<unknown>) => {
    const state = { failed: false };
    question.catch(() => {
      state.failed = true;
    });
    return state;
  };
  return { backend, told, watch, endPauses };
}

test('a refused claim and a refused wait fail after a pause', async () => {
  const { backend, watch, endPauses } = backendWith({ claim: LOST, wait: READONLY });
  const states = [watch(backend.moveToActive('token')), watch(backend.waitForJob(5))];
  await soon();
  expect(states).toEqual([{ failed: false }, { failed: false }]);
  await endPauses();
  expect(states).toEqual([{ failed: true }, { failed: true }]);
});

test.each([LOST, UNBLOCKED])('a wait ended by "$message" begins anew at once', async (error) => {
  const { backend, told, watch } = backendWith({ wait: error });
  const state = watch(backend.waitForJob(5));
  await soon();
  expect(state.failed).toBe(true);
  expect(told).toEqual([]);
});

test('a worker that closes does not wait for the end of a pause, nor begins another', async () => {
  const { backend, told, watch } = backendWith({ claim: READONLY });
  const before = watch(backend.moveToActive('token'));
  await soon();
  expect(before.failed).toBe(false);
  await backend.disconnectBlocking();
  const after = watch(backend.moveToActive('token'));
  await soon();
  expect([before.failed, after.failed]).toEqual([true, true]);
  expect(told).toEqual([READONLY.message]);
});

test('many refusals are told once, and their end when nothing is refused any more', async () => {
  const answers: { claim?: Error; wait?: Error } = { claim: READONLY, wait: READONLY };
  const { backend, told, endPauses } = backendWith(answers);
  const ask = async () => {
    const asked = Promise.allSettled([backend.moveToActive('token'), backend.waitForJob(5)]);
    await endPauses();
    await asked;
  };
  await ask();
  await ask();
  delete answers.wait;
  await ask();
  expect(told).toEqual([READONLY.message]);
  delete answers.claim;
  await ask();
  expect(told).toEqual([READONLY.message, 'served']);
});

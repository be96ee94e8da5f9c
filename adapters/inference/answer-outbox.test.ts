import { describe, expect, test } from 'vitest';

import { createAnswerOutbox } from './answer-outbox.js';
import type { Answer } from './child-messages.js';

/** The classification says whose it is. */
function answer(id: number): Answer {
  return {
    id,
    classification: { kind: 'not-analysed', reason: 'not-chest', detail: `${id}`, gates: [] },
  };
}

interface OutboxOptions {
  readonly together?: boolean;
  /** Of the clock, at the first answer and with each further one. */
  readonly stepMs?: number;
  readonly unsendable?: number;
}

/** Numbers of the images of each message that was sent. */
function messagesOf(work: readonly ('come' | number)[], options: OutboxOptions = {}) {
  const { together = true, stepMs = 1, unsendable } = options;
  const messages: Answer[][] = [];
  let nowMs = 0;
  const outbox = createAnswerOutbox({
    together,
    send: (answers) => {
      if (answers.some((each) => each.id === unsendable && 'classification' in each)) {
        throw new DOMException('could not be cloned', 'DataCloneError');
      }
      messages.push([...answers]);
    },
    now: () => (nowMs += stepMs),
  });
  for (const each of work) {
    if (each === 'come') {
      outbox.arrived(1);
    } else {
      outbox.add(answer(each));
    }
  }
  return { messages, numbers: messages.map((answers) => answers.map(({ id }) => id)) };
}

const come = (images: number) => Array<'come'>(images).fill('come');

describe('answers', () => {
  test('go one by one where each is waited for', () => {
    const { numbers } = messagesOf([...come(4), 1, 2, 3, 4], { together: false });
    expect(numbers).toEqual([[1], [2], [3], [4]]);
  });

  test('go for half of the images at hand, so that the next ones come in time', () => {
    // The very first goes at once: nothing is known of a message before it.
    const { numbers } = messagesOf([...come(1), 0, ...come(8), 1, 2, 3, 4, ...come(4), 5, 6, 7, 8]);
    expect(numbers).toEqual([[0], [1, 2, 3, 4], [5, 6, 7, 8]]);
  });

  test('of the last images at hand wait for none', () => {
    const { numbers } = messagesOf([...come(5), 1, 2, 3, 4, 5]);
    expect(numbers).toEqual([[1], [2, 3], [4], [5]]);
    expect(numbers.flat()).toHaveLength(5);
  });

  test('are not kept when the last message is a tenth of a second old', () => {
    const { numbers } = messagesOf([...come(16), 1, 2, 3, 4, 5], { stepMs: 40 });
    expect(numbers).toEqual([[1], [2, 3, 4]]);
    const slow = messagesOf([...come(16), 1, 2, 3, 4], { stepMs: 100 });
    expect(slow.numbers).toEqual([[1], [2], [3], [4]]);
  });

  test('that no message can carry are errors, and those beside them are told', () => {
    const { messages, numbers } = messagesOf([...come(1), 0, ...come(4), 1, 2, 3, 4], {
      unsendable: 2,
    });
    expect(numbers).toEqual([[0], [1], [2], [3], [4]]);
    expect(messages[2]).toMatchObject([{ id: 2, error: { code: 'internal' } }]);
    expect(messages[1]).toEqual([answer(1)]);
  });
});

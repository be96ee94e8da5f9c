import { toWireError, type Answer } from './child-messages.js';

/** An answer is not kept when the last message is as old as this: people watch the rows come. */
const MAX_SILENCE_MS = 100;

export interface AnswerOutbox {
  /** So many images are here that will be answered. */
  arrived(images: number): void;
  /** Each of them once. Does not throw. */
  add(answer: Answer): void;
}

export interface AnswerOutboxDeps {
  /** Several answers may go in one message. */
  readonly together: boolean;
  /** Throws for what a message cannot carry. */
  readonly send: (answers: readonly Answer[]) => void;
  /** Milliseconds of any clock that does not go back. */
  readonly now: () => number;
}

/**
 * Answers on their way to the pool. A message wakes its process, which then takes a core from an inference: where nobody waits
 * for a single image, one goes for half of the images at hand, so that the pool sends the next ones while the child does the
 * other half. What is kept goes with the answer of a next image, not by itself: while that one is worked on nothing else runs here.
 */
export function createAnswerOutbox({ together, send, now }: AnswerOutboxDeps): AnswerOutbox {
  let kept: Answer[] = [];
  let unanswered = 0;
  let lastMs = -Infinity;

  function deliver(answers: readonly Answer[]): void {
    try {
      send(answers);
    } catch (error) {
      const [first, ...others] = answers;
      if (first !== undefined && others.length === 0) {
        // That it cannot be told is its answer then, and no reason to compute anything again.
        send([{ id: first.id, error: toWireError(error) }]);
        return;
      }
      for (const answer of answers) {
        deliver([answer]);
      }
    }
  }

  return {
    arrived(images) {
      unanswered += images;
    },
    add(answer) {
      unanswered -= 1;
      kept.push(answer);
      const nowMs = now();
      if (!together || kept.length >= unanswered || nowMs - lastMs >= MAX_SILENCE_MS) {
        const all = kept;
        kept = [];
        lastMs = nowMs;
        deliver(all);
      }
    },
  };
}

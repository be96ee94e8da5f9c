import type { PipelineError } from '../errors.js';

/** So many failures of the way itself in a row, and the destination is left alone for a while. */
const FAILURES_TO_OPEN = 5;
const FIRST_PAUSE_MS = 15_000;
const MAX_PAUSE_MS = 120_000;
/** What a delivery waits for a place when all are taken; spread so that the waiting do not return at once. */
const CROWDED_DELAY_MS = 500;

export type Admission =
  | { readonly kind: 'go' }
  /** All places are taken for the moment. */
  | { readonly kind: 'crowded'; readonly delayMs: number }
  /** The destination is left alone until then. */
  | { readonly kind: 'paused'; readonly untilMs: number };

/**
 * The way to one destination, in one process: how many deliveries are on it at the same time, and whether
 * it is worth trying. A destination that hangs or is away fills and pauses its own lane alone.
 *
 * After five failures in a row the lane pauses; then one delivery tries it, and the pause doubles while
 * that fails. Deliveries that a pause turns away have made no attempt: they keep those for when
 * the receiver is there to refuse them.
 */
export interface Lane {
  /** `go` takes a place, which `leave` gives back. */
  enter(nowMs: number, random: number): Admission;
  leave(nowMs: number, error?: PipelineError): void;
}

export function createLane(concurrency: number): Lane {
  let inHand = 0;
  let failures = 0;
  let pausedUntilMs = 0;

  function pauseMs(): number {
    const doublings = failures - FAILURES_TO_OPEN;
    return doublings < 0 ? 0 : Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** doublings);
  }

  return {
    enter(nowMs, random) {
      if (nowMs < pausedUntilMs) {
        return { kind: 'paused', untilMs: pausedUntilMs + random * 1_000 };
      }
      // On probation one delivery at a time finds out whether the receiver is back.
      const places = failures >= FAILURES_TO_OPEN ? 1 : concurrency;
      if (inHand >= places) {
        return { kind: 'crowded', delayMs: CROWDED_DELAY_MS * (0.5 + random) };
      }
      inHand += 1;
      return { kind: 'go' };
    },
    leave(nowMs, error) {
      inHand -= 1;
      if (error !== undefined && isOfTheWay(error)) {
        failures += 1;
        const asked = Math.min(Number(error.context['retryAfterMs'] ?? 0), MAX_PAUSE_MS);
        pausedUntilMs = Math.max(pausedUntilMs, nowMs + Math.max(pauseMs(), asked));
      } else {
        failures = 0;
      }
    },
  };
}

/** Whether a failure says something about the destination, and not about this one message. */
function isOfTheWay({ code }: PipelineError): boolean {
  return code === 'delivery-unreachable' || code === 'delivery-timeout' || code === 'delivery-busy';
}

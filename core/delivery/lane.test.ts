import { describe, expect, it } from 'vitest';

import { PipelineError, type ErrorCode } from '../errors.js';
import { createLane } from './lane.js';

const failing = (code: ErrorCode = 'delivery-timeout', retryAfterMs?: number) =>
  new PipelineError(
    code,
    undefined,
    retryAfterMs === undefined ? {} : { context: { retryAfterMs } },
  );

describe('a lane', () => {
  it('lets as many deliveries in at once as it has places', () => {
    const lane = createLane(2);
    expect([1, 2, 3].map(() => lane.enter(0, 0).kind)).toEqual(['go', 'go', 'crowded']);
    lane.leave(0);
    expect(lane.enter(0, 0).kind).toBe('go');
  });

  it('pauses after five failures in a row, then lets one delivery try', () => {
    const lane = createLane(4);
    for (let failure = 0; failure < 5; failure += 1) {
      expect(lane.enter(0, 0)).toEqual({ kind: 'go' });
      lane.leave(0, failing());
    }
    expect(lane.enter(0, 0)).toEqual({ kind: 'paused', untilMs: 15_000 });
    expect(lane.enter(15_000, 0).kind).toBe('go');
    expect(lane.enter(15_000, 0).kind).toBe('crowded');
    lane.leave(15_000, failing());
    expect(lane.enter(15_001, 0)).toEqual({ kind: 'paused', untilMs: 45_000 });
  });

  it('is as before when the receiver is back', () => {
    const lane = createLane(4);
    for (let failure = 0; failure < 5; failure += 1) {
      lane.enter(0, 0);
      lane.leave(0, failing());
    }
    lane.enter(20_000, 0);
    lane.leave(20_000);
    expect([1, 2, 3].map(() => lane.enter(20_000, 0).kind)).toEqual(['go', 'go', 'go']);
  });

  it('is not paused by messages that are refused: the receiver is there', () => {
    const lane = createLane(1);
    for (let refusal = 0; refusal < 20; refusal += 1) {
      expect(lane.enter(0, 0).kind).toBe('go');
      lane.leave(0, failing('delivery-rejected'));
    }
  });

  it('gives a receiver the pause that it asks for', () => {
    const lane = createLane(1);
    lane.enter(0, 0);
    lane.leave(0, failing('delivery-busy', 60_000));
    expect(lane.enter(1_000, 0)).toEqual({ kind: 'paused', untilMs: 60_000 });
  });
});

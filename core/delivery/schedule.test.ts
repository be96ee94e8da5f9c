import { describe, expect, it } from 'vitest';

import { MAX_DELIVERY_ATTEMPTS, deliveryDelayMs } from './schedule.js';

describe('deliveryDelayMs', () => {
  it('starts after five seconds and waits longer each time', () => {
    const delays = Array.from({ length: MAX_DELIVERY_ATTEMPTS - 1 }, (_, i) =>
      deliveryDelayMs(i + 1, 0),
    );
    expect(delays[0]).toBe(5_000);
    expect([...delays].sort((a, b) => Number(a) - Number(b))).toEqual(delays);
  });

  it('ends after the last attempt', () => {
    expect(deliveryDelayMs(MAX_DELIVERY_ATTEMPTS, 0)).toBeUndefined();
  });

  it('honours a longer pause that the receiver asked for, up to a day', () => {
    expect(deliveryDelayMs(1, 0, 60_000)).toBe(60_000);
    expect(deliveryDelayMs(1, 0, 1)).toBe(5_000);
    expect(deliveryDelayMs(1, 0, 10 * 86_400_000)).toBe(86_400_000);
  });

  it('adds at most a fifth of jitter', () => {
    expect(deliveryDelayMs(1, 0.999_999)).toBeLessThanOrEqual(6_000);
  });
});

import { describe, expect, it } from 'vitest';

import { DEFAULT_DELAYS_MS, deliveryDelayMs } from './schedule.js';

describe('deliveryDelayMs', () => {
  it('starts after five seconds and waits longer each time', () => {
    const delays = Array.from({ length: DEFAULT_DELAYS_MS.length }, (_, i) =>
      deliveryDelayMs(i + 1, 0),
    );
    expect(delays[0]).toBe(5_000);
    expect([...delays].sort((a, b) => Number(a) - Number(b))).toEqual(delays);
  });

  it.each([0, 0.999_999])('makes four attempts in the first hour (random %d)', (random) => {
    const atMs = [0];
    for (let attempts = 1; atMs.at(-1)! < 3_600_000; attempts += 1) {
      atMs.push(atMs.at(-1)! + deliveryDelayMs(attempts, random)!);
    }
    expect(atMs).toHaveLength(5);
    expect(atMs.length).toBeLessThan(DEFAULT_DELAYS_MS.length + 1);
  });

  it('ends after the last attempt', () => {
    expect(deliveryDelayMs(DEFAULT_DELAYS_MS.length + 1, 0)).toBeUndefined();
  });

  it('honours a longer pause that the receiver asked for, up to a day', () => {
    expect(deliveryDelayMs(1, 0, undefined, 60_000)).toBe(60_000);
    expect(deliveryDelayMs(1, 0, undefined, 1)).toBe(5_000);
    expect(deliveryDelayMs(1, 0, undefined, 10 * 86_400_000)).toBe(86_400_000);
  });

  it('follows the schedule that a destination has of its own', () => {
    expect(deliveryDelayMs(2, 0, [1_000, 2_000])).toBe(2_000);
    expect(deliveryDelayMs(3, 0, [1_000, 2_000])).toBeUndefined();
  });

  it('adds at most a fifth of jitter', () => {
    expect(deliveryDelayMs(1, 0.999_999)).toBeLessThanOrEqual(6_000);
  });
});

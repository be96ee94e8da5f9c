import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { createStorageGuard } from './storage-guard.js';

const SILENT = { code: 'storage-unavailable' };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** An operation that ends when the test says so. */
function hanging<T>() {
  let end: (value: T) => void = () => undefined;
  const ended = new Promise<T>((resolve) => {
    end = resolve;
  });
  return {
    operation: () => ended,
    end(value: T) {
      end(value);
    },
  };
}

describe('a storage guard', () => {
  it('refuses what hangs, what waits behind it and what comes after it, until it answers', async () => {
    const { run } = createStorageGuard({
      what: 'object store',
      timeLimitMs: 1_000,
      maxInFlight: 1,
    });
    const share = hanging<string>();
    const onLate = vi.fn();
    const first = run(share.operation, onLate);
    const never = vi.fn(() => Promise.resolve());
    const second = run(never);
    const refused = [
      expect(first).rejects.toMatchObject(SILENT),
      expect(second).rejects.toMatchObject(SILENT),
    ];
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all(refused);
    await expect(run(never)).rejects.toMatchObject(SILENT);
    expect(never).not.toHaveBeenCalled();

    share.end('late');
    await vi.advanceTimersByTimeAsync(0);
    expect(onLate).toHaveBeenCalledExactlyOnceWith('late');
    expect(await run(() => Promise.resolve(7))).toBe(7);
  });

  it('has no more operations in flight than it may, and does the others in their order', async () => {
    const { run } = createStorageGuard({
      what: 'object store',
      timeLimitMs: 1_000,
      maxInFlight: 2,
    });
    const shares = [hanging<number>(), hanging<number>(), hanging<number>()];
    const started: number[] = [];
    const answers = shares.map(({ operation }, index) =>
      run(() => {
        started.push(index);
        return operation();
      }),
    );
    expect(started).toEqual([0, 1]);
    shares[1]!.end(1);
    await vi.advanceTimersByTimeAsync(0);
    expect(started).toEqual([0, 1, 2]);
    shares[0]!.end(0);
    shares[2]!.end(2);
    expect(await Promise.all(answers)).toEqual([0, 1, 2]);
  });

  it('tidies up when the share answers again', async () => {
    const { run, tidy } = createStorageGuard({
      what: 'object store',
      timeLimitMs: 1_000,
      maxInFlight: 2,
    });
    const share = hanging<undefined>();
    const hung = expect(run(share.operation)).rejects.toMatchObject(SILENT);
    await vi.advanceTimersByTimeAsync(1_000);
    await hung;
    const remove = vi.fn(() => Promise.resolve());
    await tidy(remove);
    expect(remove).not.toHaveBeenCalled();
    share.end(undefined);
    await vi.advanceTimersByTimeAsync(0);
    expect(remove).toHaveBeenCalledOnce();
  });

  it('translates what a file system throws', async () => {
    const { run } = createStorageGuard({
      what: 'object store',
      timeLimitMs: 1_000,
      maxInFlight: 2,
    });
    const full = Object.assign(new Error('no room'), { code: 'ENOSPC' });
    await expect(run(() => Promise.reject(full))).rejects.toMatchObject({ code: 'storage-full' });
  });
});

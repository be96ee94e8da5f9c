import { afterEach, describe, expect, it, vi } from 'vitest';

import { createRowWriter } from './row-writer.js';

describe('createRowWriter', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('writes rows that come together at once, in their order', async () => {
    vi.useFakeTimers();
    const written: string[] = [];
    const writer = createRowWriter({
      appendFile: (rows) => {
        written.push(String(rows));
        return Promise.resolve();
      },
    });
    await writer.write('a\n');
    await writer.write('b\n');
    expect(written).toEqual([]);
    await vi.advanceTimersByTimeAsync(100);
    expect(written).toEqual(['a\nb\n']);
    await writer.write('c\n');
    await vi.advanceTimersByTimeAsync(100);
    expect(written).toEqual(['a\nb\n', 'c\n']);
    await writer.write('d\n');
    await writer.end();
    expect(written).toEqual(['a\nb\n', 'c\n', 'd\n']);
  });

  it('writes on after a moment at which nothing waited', async () => {
    vi.useFakeTimers();
    let written = '';
    const writer = createRowWriter({
      async appendFile(rows) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        written += String(rows);
      },
    });
    await writer.write('a');
    await vi.advanceTimersByTimeAsync(110);
    // Taken along by the write that is in hand, before its own time.
    await writer.write('b');
    await vi.advanceTimersByTimeAsync(300);
    for (const row of ['c', 'd']) {
      await writer.write(row);
      await vi.advanceTimersByTimeAsync(300);
    }
    expect(written).toBe('abcd');
    await writer.end();
    expect(written).toBe('abcd');
  });

  it('waits for a slow disk, and writes one after the other', async () => {
    const written: number[] = [];
    let finish: () => void = () => undefined;
    const writer = createRowWriter({
      appendFile: (rows) => {
        written.push(String(rows).length);
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
    });
    let isThrough = false;
    const many = writer.write('x'.repeat(70_000)).then(() => {
      isThrough = true;
    });
    await writer.write('y');
    expect(written).toEqual([70_000]);
    expect(isThrough).toBe(false);
    finish();
    await vi.waitFor(() => {
      expect(written).toEqual([70_000, 1]);
    });
    finish();
    await many;
  });

  it('says with the next row, and at the end, that one could not be written', async () => {
    vi.useFakeTimers();
    const full = new Error('no space left on device');
    const writer = createRowWriter({ appendFile: () => Promise.reject(full) });
    await writer.write('a');
    await vi.advanceTimersByTimeAsync(100);
    await expect(writer.write('b')).rejects.toBe(full);
    await expect(writer.end()).rejects.toBe(full);
  });
});

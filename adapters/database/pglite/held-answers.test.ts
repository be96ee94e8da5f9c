import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { createHeldAnswers } from './held-answers.js';

const SYNC_MS = 10;

describe('held answers', () => {
  let nowMs = 0;
  let said: string[];
  let log: { logSyncs: number; settle: () => void };
  let answers: ReturnType<typeof createHeldAnswers>;

  beforeEach(() => {
    vi.useFakeTimers();
    nowMs = 0;
    said = [];
    log = {
      logSyncs: 0,
      settle() {
        said.push('sync');
        nowMs += SYNC_MS;
      },
    };
    answers = createHeldAnswers(log, () => nowMs);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const answer = (name: string) => {
    answers.send(() => said.push(name));
  };
  const commit = (name: string, strict = true) => {
    log.logSyncs += 1;
    answers.ran({ strict });
    answer(name);
  };
  const read = (name: string) => {
    answers.ran({ strict: true });
    answer(name);
  };

  it('answers at once when nothing was committed', () => {
    read('a');
    expect(said).toEqual(['a']);
  });

  it('brings several commits to the disk at once, before any of them is answered', () => {
    answers.release();
    commit('first');
    answers.release();
    said = [];
    commit('a');
    commit('b');
    expect(said).toEqual([]);
    answers.release();
    expect(said).toEqual(['sync', 'a', 'b']);
  });

  it('holds a reader back who may have seen a commit that is not on the disk', () => {
    commit('first');
    answers.release();
    said = [];
    commit('a');
    read('b');
    commit('c', false);
    expect(said).toEqual([]);
    answers.release();
    expect(said).toEqual(['sync', 'a', 'b', 'c']);
  });

  it('lets the first one wait no longer than the disk took the last time', () => {
    commit('first');
    answers.release();
    said = [];
    commit('a');
    nowMs += SYNC_MS;
    commit('b');
    expect(said).toEqual([]);
    nowMs += 1;
    commit('c');
    expect(said).toEqual(['sync', 'a', 'b', 'c']);
  });

  it('answers a lazy commit at once and brings it to the disk soon afterwards', () => {
    commit('a', false);
    commit('b', false);
    answers.release();
    expect(said).toEqual(['a', 'b']);
    vi.advanceTimersByTime(200);
    expect(said).toEqual(['a', 'b', 'sync']);
    vi.advanceTimersByTime(1_000);
    expect(said).toEqual(['a', 'b', 'sync']);
  });

  it('brings a lazy commit to the disk with the strict one behind it', () => {
    commit('a', false);
    commit('b');
    answers.release();
    expect(said).toEqual(['a', 'sync', 'b']);
    vi.advanceTimersByTime(1_000);
    expect(said).toEqual(['a', 'sync', 'b']);
  });
});

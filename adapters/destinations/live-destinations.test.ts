import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { destinationSchema } from '../../core/delivery/destination.js';
import type { Destinations, SetDestination } from '../../core/delivery/destinations.js';
import { silentLogger, type LogFacts } from '../../core/log.js';
import type { StoredDestination } from '../../core/storage/destination-store.js';
import { createDestinations } from './live-destinations.js';
import { referenceSchema } from './read-secret.js';

function hook(name: string) {
  const body = { kind: 'webhook', url: 'https://ris.example/', secrets: ['env:S'] };
  return destinationSchema(referenceSchema(), z.literal(name).default(name)).parse(body);
}

interface Bed {
  readonly destinations: Destinations;
  readonly warnings: readonly LogFacts[];
  nowMs: number;
  /** Revisions by name: what the table has. */
  table: Record<string, string>;
  reads: number;
  problem: string | undefined;
  /** What a read waits for. */
  answer: Promise<void>;
}

function createBed(declared: readonly SetDestination[] = []): Bed {
  const warnings: LogFacts[] = [];
  const list = async (): Promise<readonly StoredDestination[]> => {
    bed.reads += 1;
    const rows = Object.entries(bed.table).map(([name, revision]) => ({
      name,
      revision,
      definition: {},
      setAtMs: 0,
    }));
    await bed.answer;
    return rows;
  };
  const destinations = createDestinations(
    {
      store: { list },
      read: ({ name }) => ({ source: 'api', destination: hook(name), problem: bed.problem }),
      clock: () => bed.nowMs,
      logger: { ...silentLogger, warn: (facts) => warnings.push(facts) },
    },
    declared,
  );
  const bed: Bed = {
    destinations,
    warnings,
    nowMs: 0,
    table: {},
    reads: 0,
    problem: undefined,
    answer: Promise.resolve(),
  };
  return bed;
}

async function namesOf(all: Promise<readonly SetDestination[]>): Promise<string[]> {
  return (await all).map(({ destination }) => destination.name);
}

describe('the destinations of a running process', () => {
  it('are read when somebody asks, once in two seconds, or afresh where that is wanted', async () => {
    const bed = createBed();
    const { destinations } = bed;
    bed.table = { ris: '1' };
    const both = [namesOf(destinations.current()), namesOf(destinations.current())];
    expect(await Promise.all(both)).toEqual([['ris'], ['ris']]);
    bed.table = { ris: '1', emr: '1' };
    bed.nowMs = 1_999;
    expect(await namesOf(destinations.current())).toEqual(['ris']);
    expect(bed.reads).toBe(1);
    expect(await namesOf(destinations.latest())).toEqual(['ris', 'emr']);
    bed.table = {};
    bed.nowMs += 2_000;
    expect(await namesOf(destinations.current())).toEqual([]);
    expect(bed.reads).toBe(3);
    bed.table = { ris: '2' };
    bed.nowMs -= 3_600_000;
    expect(await namesOf(destinations.current())).toEqual(['ris']);
  });

  it('are the same objects until one is set again', async () => {
    const bed = createBed();
    bed.table = { emr: '1', ris: '1' };
    const first = await bed.destinations.latest();
    expect(await bed.destinations.latest()).toBe(first);
    bed.table = { emr: '1', ris: '2' };
    const second = await bed.destinations.latest();
    expect(second[0]).toBe(first[0]);
    expect(second[1]).not.toBe(first[1]);
  });

  it('do not fall back to an answer that comes late', async () => {
    const bed = createBed();
    bed.table = { ris: '1' };
    let arrive = (): void => undefined;
    bed.answer = new Promise((resolve) => (arrive = resolve));
    const slow = bed.destinations.latest();
    bed.answer = Promise.resolve();
    bed.table = {};
    expect(await namesOf(bed.destinations.latest())).toEqual([]);
    arrive();
    expect(await namesOf(slow)).toEqual([]);
    expect(await namesOf(bed.destinations.current())).toEqual([]);
  });

  it('are those of the file first, which holds against one of the API of the same name', async () => {
    const declared = { source: 'file', destination: hook('ris') } as const;
    const bed = createBed([declared]);
    bed.table = { emr: '1', ris: '1' };
    const all = await bed.destinations.latest();
    expect(all.map(({ source, destination }) => `${source} ${destination.name}`)).toEqual([
      'file ris',
      'api emr',
    ]);
    expect(all[0]).toBe(declared);
    await bed.destinations.latest();
    expect(bed.warnings).toEqual([{ destination: 'ris' }]);
  });

  it('are looked at again while something is wrong with one, and that is said once', async () => {
    const bed = createBed();
    bed.table = { ris: '1' };
    bed.problem = 'the environment variable S is not set';
    expect(await bed.destinations.latest()).toMatchObject([{ problem: bed.problem }]);
    await bed.destinations.latest();
    expect(bed.warnings).toEqual([{ destination: 'ris', reason: bed.problem }]);
    bed.problem = undefined;
    const [ris] = await bed.destinations.latest();
    expect(ris?.problem).toBeUndefined();
  });
});

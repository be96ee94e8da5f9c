import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { inspectFile } from '../../adapters/dicom/identify-file.js';
import { createLocalObjectStore } from '../../adapters/storage/local-object-store.js';
import { silentLogger } from '../../core/log.js';
import { findAttribute } from '../../adapters/rules/attribute-dictionary.js';
import { siteRulesSchema } from '../../core/rules/site-rules.js';
import { ingestInstance } from '../../core/use-cases/ingest-instance.js';
import type { IngestInstanceDeps } from '../../core/use-cases/ingest-instance.js';
import { newChest } from '../support/chest-sender.js';
import { DECODABLE } from '../support/ingest-server.js';
import { openStudies } from '../support/studies.js';
import type { TestStudies } from '../support/studies.js';
import { temporaryFolder } from '../support/temp-folder.js';

let database: TestStudies;

beforeAll(async () => {
  database = await openStudies();
});

afterAll(() => database.close());

function createDeps() {
  const dataFolder = temporaryFolder();
  const objects = createLocalObjectStore({ dataFolder, minFreeBytes: 0 });
  const deps: IngestInstanceDeps = {
    objects,
    studies: database.studies,
    inspectFile,
    decodable: DECODABLE,
    clock: Date.now,
    logger: silentLogger,
  };
  /** Staged files count as removed, too: there must be none. */
  const leftovers = async () => {
    let keys = 0;
    for await (const key of objects.keys()) {
      keys += key === '' ? 0 : 1;
    }
    return { keys, staged: await objects.removeStagedBefore(Infinity) };
  };
  return { deps, leftovers };
}

async function* inPieces(bytes: Buffer, before?: (at: number) => void) {
  for (let at = 0; at < bytes.length; at += 100) {
    before?.(at);
    yield await Promise.resolve(bytes.subarray(at, at + 100));
  }
}

describe('ingestInstance', () => {
  it('throws what the sender throws, and leaves nothing behind', async () => {
    const { deps, leftovers } = createDeps();
    const lost = new Error('connection lost');
    const bytes = inPieces(newChest().bytes, (at) => {
      if (at > 300) {
        throw lost;
      }
    });
    await expect(ingestInstance(deps, { bytes, maxBytes: 10_000 })).rejects.toBe(lost);
    expect(await leftovers()).toEqual({ keys: 0, staged: 0 });
  });

  it('stops when it is aborted, while bytes come and after the last one', async () => {
    for (const abortAt of [300, Infinity]) {
      const { deps, leftovers } = createDeps();
      const chest = newChest();
      const controller = new AbortController();
      const bytes = inPieces(chest.bytes, (at) => {
        if (at >= abortAt) {
          controller.abort();
        }
      });
      async function* andThenAborted() {
        yield* bytes;
        controller.abort();
      }
      const input = { bytes: andThenAborted(), maxBytes: 10_000, signal: controller.signal };
      await expect(ingestInstance(deps, input)).rejects.toMatchObject({ name: 'AbortError' });
      expect(await leftovers()).toEqual({ keys: 0, staged: 0 });
      expect(await database.studies.findStudy(chest.StudyInstanceUID)).toBeUndefined();
    }
  });

  it('keeps the bytes when the database fails, because the commit may have happened unseen', async () => {
    const { deps, leftovers } = createDeps();
    const own = await openStudies();
    onTestFinished(() => own.close());
    await own.close();
    const chest = newChest();
    const outcome = await ingestInstance(
      { ...deps, studies: own.studies },
      { bytes: inPieces(chest.bytes), maxBytes: 10_000 },
    );
    expect(outcome).toMatchObject({
      kind: 'failed',
      identity: { SOPInstanceUID: chest.SOPInstanceUID },
      error: { code: 'database-unavailable' },
    });
    expect(await leftovers()).toEqual({ keys: 1, staged: 0 });
  });

  it.each([
    { case: 'a rule alone', station: 'ER1', ordered: undefined, request: undefined, is: 'urgent' },
    {
      case: 'no rule that matches',
      station: 'X',
      ordered: undefined,
      request: undefined,
      is: 'routine',
    },
    {
      case: 'a more urgent order',
      station: 'ER1',
      ordered: 'STAT',
      request: undefined,
      is: 'stat',
    },
    {
      case: 'a less urgent order',
      station: 'ER1',
      ordered: 'LOW',
      request: undefined,
      is: 'urgent',
    },
    {
      case: 'a more urgent request',
      station: 'ER1',
      ordered: undefined,
      request: 'stat',
      is: 'stat',
    },
    {
      case: 'a less urgent request',
      station: 'ER1',
      ordered: 'STAT',
      request: 'routine',
      is: 'urgent',
    },
    {
      case: 'a rule that asks for less',
      station: 'WARD',
      ordered: 'HIGH',
      request: undefined,
      is: 'urgent',
    },
  ] as const)(
    'queues by the more urgent of order and rule: $case',
    async ({ station, ordered, request, is }) => {
      const { deps } = createDeps();
      const siteRules = siteRulesSchema(findAttribute).parse({
        rules: [
          {
            name: 'emergency',
            when: { attribute: 'StationName', matches: 'ER*' },
            action: 'priority',
            priority: 'urgent',
            because: 'From the emergency room.',
          },
          {
            name: 'ward',
            when: { attribute: 'StationName', equals: 'WARD' },
            action: 'priority',
            priority: 'routine',
            because: 'From the ward.',
          },
        ],
      });
      const chest = newChest(
        {},
        {
          '00081010': ['SH', station],
          ...(ordered !== undefined && { '00401003': ['SH', ordered] }),
        },
      );
      const outcome = await ingestInstance(
        { ...deps, siteRules },
        { bytes: inPieces(chest.bytes), maxBytes: 10_000, requestedPriority: request },
      );
      expect(outcome.kind).toBe('stored');
      const study = await database.studies.findStudy(chest.StudyInstanceUID);
      expect(study?.study.requestedPriority).toBe(is);
    },
  );

  it('reports an object beyond its limit as an outcome', async () => {
    const { deps, leftovers } = createDeps();
    const bytes = inPieces(newChest().bytes);
    expect(await ingestInstance(deps, { bytes, maxBytes: 500 })).toMatchObject({
      kind: 'failed',
      error: { code: 'payload-too-large' },
    });
    expect(await leftovers()).toEqual({ keys: 0, staged: 0 });
  });
});

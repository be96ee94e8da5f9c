import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readSourceStudy } from '../../adapters/dicom/read-source-study.js';
import { createAddressGuard } from '../../adapters/network/address-guard.js';
import { createStowSink } from '../../adapters/dicomweb/stow-sink.js';
import { createStoreSink } from '../../adapters/dimse/store-sink.js';
import { createFhirSink } from '../../adapters/fhir/fhir-sink.js';
import { createMllpSink } from '../../adapters/hl7/mllp-sink.js';
import { createWebhookSink } from '../../adapters/webhook/webhook-sink.js';
import { createLane } from '../../core/delivery/lane.js';
import type { ResultSink } from '../../core/delivery/result-sink.js';
import { deliverResult } from '../../core/use-cases/deliver-result.js';
import { sampleObjects } from '../support/report-objects.js';
import { sampleRadiograph } from '../support/sample-report.js';
import { sampleOutcome } from '../support/sample-study.js';
import { createStoreBed, TO_HOOK } from '../support/stored-study.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { openEmbeddedTestDatabase, type TestDatabase } from '../support/test-database.js';
import { troubledArchive, troubledHttp, troubledMllp } from '../support/troubled-receivers.js';

const HOUR_MS = 3_600_000;
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const COMMON = { name: TO_HOOK.destination, timeoutMs: 20_000, userAgent: 'preread-test' };
const clock = Date.now;

let database: TestDatabase;
beforeAll(async () => {
  database = await openEmbeddedTestDatabase();
});
afterAll(() => database.close());

let built: ReturnType<typeof sampleObjects> | undefined;
const buildObjects = () => (built ??= sampleObjects(temporaryFolder()));
const readSource = () => {
  const path = join(temporaryFolder(), 'radiograph.dcm');
  writeFileSync(path, sampleRadiograph());
  return readSourceStudy(path);
};

interface Sender {
  readonly start: typeof troubledHttp;
  /** Keys of one delivery: a message has one, an archive's are those of its objects. */
  readonly keys: number;
  readonly sink: (port: number) => ResultSink;
}

const SENDERS: Readonly<Record<string, Sender>> = {
  webhook: {
    start: troubledHttp,
    keys: 1,
    sink: (port) =>
      createWebhookSink(
        { clock },
        {
          ...COMMON,
          url: urlOf(port),
          secrets: [SECRET],
          body: 'thin',
          publicUrl: undefined,
          guard: createAddressGuard([]),
        },
      ),
  },
  'STOW-RS': {
    start: troubledHttp,
    keys: 1,
    sink: (port) => createStowSink({ clock, buildObjects }, { ...COMMON, url: urlOf(port) }),
  },
  FHIR: {
    start: troubledHttp,
    keys: 1,
    sink: (port) =>
      createFhirSink(
        { clock, readSource },
        { ...COMMON, url: urlOf(port), auth: undefined, patientIdentifierSystem: 'urn:test' },
      ),
  },
  MLLP: {
    start: troubledMllp,
    keys: 1,
    sink: (port) =>
      createMllpSink(
        { readSource },
        {
          ...COMMON,
          host: '127.0.0.1',
          port,
          sendingApplication: 'PREREAD',
          sendingFacility: 'RAD',
          receivingApplication: 'RIS',
          receivingFacility: 'HOSP',
          processingId: 'T',
        },
      ),
  },
  'C-STORE': {
    start: troubledArchive,
    keys: 4,
    sink: (port) =>
      createStoreSink(
        { buildObjects },
        {
          ...COMMON,
          host: '127.0.0.1',
          port,
          calledAeTitle: 'ARCHIVE',
          callingAeTitle: 'PREREAD',
        },
      ),
  },
};

describe('a receiver that fails for an hour, on the default schedule', () => {
  it.each(Object.keys(SENDERS))(
    'refuses four attempts by %s and takes the fifth, once by its key; nothing is given up',
    async (name) => {
      const { start, keys, sink: createSink } = SENDERS[name]!;
      const bed = createStoreBed(database);
      const { deliveryId } = await bed.finishedStudy(sampleOutcome);
      const endsAtMs = bed.nowMs + HOUR_MS;
      const receiver = await start('errors', {}, () => (bed.nowMs < endsAtMs ? 503 : undefined));
      const sink = createSink(receiver.port);
      const target = { sink, lane: createLane(4), failureListeners: [] };
      const deps = {
        store: bed.store,
        targets: { find: () => Promise.resolve(target) },
        clock: () => bed.nowMs,
        random: () => 0.5,
      };
      const attempts: { readonly kind: string; readonly inTheHour: boolean }[] = [];
      try {
        let delivery = await bed.store.loadDelivery(deliveryId);
        while (delivery?.state === 'pending') {
          bed.nowMs = delivery.nextAttemptAtMs ?? bed.nowMs;
          const { kind } = await deliverResult(deps, deliveryId);
          attempts.push({ kind, inTheHour: bed.nowMs < endsAtMs });
          delivery = await bed.store.loadDelivery(deliveryId);
        }
        expect(attempts).toEqual([
          ...Array.from({ length: 4 }, () => ({ kind: 'retry', inTheHour: true })),
          { kind: 'delivered', inTheHour: false },
        ]);
        expect(delivery).toMatchObject({ state: 'delivered', attempts: 5 });
        expect(receiver.keys).toHaveLength(keys);
        expect(new Set(receiver.keys).size).toBe(keys);
      } finally {
        await sink.close();
        await receiver.close();
      }
    },
  );
});

function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

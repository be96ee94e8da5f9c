import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { readCommitmentReport } from '../../adapters/dicom/read-commitment.js';
import { openAssociation } from '../../adapters/dimse/open-association.js';
import {
  requestCommitment,
  type RequestCommitmentDeps,
} from '../../adapters/dimse/request-commitment.js';
import { createStoreSink, type StoreSinkOptions } from '../../adapters/dimse/store-sink.js';
import type { ResultObjectFile } from '../../core/delivery/dicom/result-object.js';
import type { ResultSink, SinkDelivery } from '../../core/delivery/result-sink.js';
import type { DicomUid } from '../../core/dicom/uid.js';
import { STORAGE_COMMITMENT_PUSH } from '../../core/dimse/storage-commitment.js';
import type { PipelineError } from '../../core/errors.js';
import { silentLogger } from '../../core/log.js';
import { UIDS } from '../support/build-dicom.js';
import { COMMITMENT_CONTEXT } from '../support/dimse-peer.js';
import { newChest, newUid } from '../support/chest-sender.js';
import { startDimseServer } from '../support/dimse-server.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { startOrthanc } from '../support/orthanc-server.js';
import { describeWithPeer } from '../support/peers.js';
import { sampleObjects } from '../support/report-objects.js';
import { sampleReport } from '../support/sample-report.js';
import { sampleOutcome } from '../support/sample-study.js';
import { startScriptedScp } from '../support/scripted-scp.js';
import { recordFinishedStudy } from '../support/stored-study.js';
import { openStudies, type TestStudies } from '../support/studies.js';
import { temporaryFolder } from '../support/temp-folder.js';

const CR = UIDS.ComputedRadiographyImageStorage;

const WAIT_MS = 60_000;

let database: TestStudies;

beforeAll(async () => {
  database = await openStudies();
});
afterAll(() => database.close());

describe('asking an archive to commit to what it has stored', () => {
  it('takes the report on the same association', async () => {
    const { port } = await startDimseServer(temporaryFolder(), database);
    expect(await sinkTo({ port }).send(await newDelivery())).toEqual({
      objects: 2,
      commitment: 'committed',
    });
  });

  it('takes the report that comes to the DIMSE service on another one', async () => {
    const own = await startDimseServer(temporaryFolder(), database);
    const { port } = await startDimseServer(temporaryFolder(), database, {
      aeTitles: ['ARCHIVE'],
      peers: new Map([['PREREAD', { host: '127.0.0.1', port: own.port }]]),
    });
    const receipt = await sinkTo({ port, calledAeTitle: 'ARCHIVE' }).send(await newDelivery());
    expect(receipt).toEqual({ objects: 2, commitment: 'committed' });
    expect(own.log()).toContain('the archive has committed to the objects of a delivery');
  });

  it('fails the attempt with count and reason when the archive does not commit, each time anew', async () => {
    const { port } = await startDimseServer(temporaryFolder(), database, { keepsFiles: false });
    const delivery = await newDelivery();
    const sink = sinkTo({ port });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const error = await failure(sink, delivery);
      expect(error).toMatchObject({ code: 'delivery-failed', failure: 'transient' });
      expect(error.message).toContain('does not commit to 2 of 2 objects (failure reason 0110)');
    }
    const healthy = await startDimseServer(temporaryFolder(), database);
    expect(await sinkTo({ port: healthy.port }).send(delivery)).toMatchObject({
      commitment: 'committed',
    });
  });

  it('fails the attempt when the archive refuses the request', async () => {
    const scp = await startScriptedScp((request) => (request < 2 ? 0 : 0x0110));
    onTestFinished(() => scp.close());
    const error = await failure(sinkTo({ port: scp.port }), await newDelivery());
    expect(error).toMatchObject({
      code: 'delivery-failed',
      message: 'the peer refused the request for storage commitment (status 0110)',
    });
  });

  it('is content with an archive that does not offer it', async () => {
    const scp = await startScriptedScp(() => 0, { refusedClasses: [STORAGE_COMMITMENT_PUSH] });
    onTestFinished(() => scp.close());
    expect(await sinkTo({ port: scp.port }).send(await newDelivery())).toEqual({
      objects: 2,
      commitment: 'not-offered',
    });
  });

  it('leaves it at the request when no report comes in time', async () => {
    const { port } = await startDimseServer(temporaryFolder(), database, {
      peers: new Map([['PREREAD', { host: '127.0.0.1', port: await freePort() }]]),
    });
    expect(await sinkTo({ port }, 0).send(await newDelivery())).toEqual({
      objects: 2,
      commitment: 'requested',
    });
  });
});

describe('a report that comes after the wait', () => {
  const committed = { committedCount: 2, failedCount: 0, failureReason: undefined };
  const failed = { committedCount: 1, failedCount: 1, failureReason: 0x0112 };

  it.each(['before', 'after'])(
    'of success is written into the receipt, when it comes %s the delivery is recorded',
    async (when) => {
      const { deliveryId, TransactionUID } = await requested();
      await inOrder(when, deliveryId, TransactionUID, committed);
      expect(await database.studies.loadDelivery(deliveryId)).toMatchObject({
        state: 'delivered',
        receipt: { objects: 2, commitment: 'committed' },
      });
    },
  );

  it.each(['before', 'after'])(
    'of failure makes the delivery pending, when it comes %s the delivery is recorded, and its next attempt fail once',
    async (when) => {
      const { deliveryId, TransactionUID } = await requested();
      await inOrder(when, deliveryId, TransactionUID, failed);
      expect(await database.studies.loadDelivery(deliveryId)).toMatchObject({ state: 'pending' });
      const jobs = await database.studies.claimJobs(1_000, Date.now() + 60_000);
      const own = jobs.filter(({ payload }) => JSON.stringify(payload).includes(deliveryId));
      expect(own.map(({ name }) => name)).toEqual(['deliver', 'deliver']);

      const { port } = await startDimseServer(temporaryFolder(), database);
      const delivery = { ...(await newDelivery()), deliveryId };
      const error = await failure(sinkTo({ port }), delivery);
      expect(error.message).toContain('does not commit to 1 of 2 objects (failure reason 0112)');
      expect(await sinkTo({ port }).send(delivery)).toMatchObject({ commitment: 'committed' });
    },
  );

  it('changes nothing when the request is not ours, or a newer one took its place', async () => {
    const { deliveryId, TransactionUID } = await requested();
    await database.sentCommitments.open(deliveryId, newUid());
    await database.studies.recordDeliveryAttempt(deliveryId, delivered('requested'));
    expect(await database.sentCommitments.report(TransactionUID, failed)).toBeUndefined();
    expect(await database.studies.loadDelivery(deliveryId)).toMatchObject({ state: 'delivered' });
  });
});

describeWithPeer('orthanc', 'Orthanc as the archive that commits', (peer) => {
  async function startArchive() {
    const own = await startDimseServer(temporaryFolder(), database);
    const modalities = { preread: ['PREREAD', '127.0.0.1', own.port] as const };
    const orthanc = await startOrthanc(peer, temporaryFolder(), {}, { modalities });
    onTestFinished(() => orthanc.stop());
    return { own, place: { port: orthanc.dicomPort, calledAeTitle: 'ORTHANC' } };
  }

  it('is asked, and reports on an association of its own', async () => {
    const { own, place } = await startArchive();
    const objects = await sampleObjects(temporaryFolder());
    expect(await sinkTo(place, WAIT_MS, objects).send(await newDelivery())).toEqual({
      objects: 4,
      commitment: 'committed',
    });
    expect(own.log()).toContain('the archive has committed to the objects of a delivery');
  });

  it('puts the receipt right when nobody waits for it', async () => {
    const { place } = await startArchive();
    const delivery = await newDelivery();
    const receipt = await sinkTo(place, 0).send(delivery);
    const { deliveryId } = delivery;
    const attempt = { kind: 'delivered', atMs: Date.now(), receipt } as const;
    await database.studies.recordDeliveryAttempt(deliveryId, attempt);
    await eventually(
      async () => {
        expect((await database.studies.loadDelivery(deliveryId))?.receipt).toMatchObject({
          commitment: 'committed',
        });
      },
      { timeoutMs: 60_000 },
    );
  });

  it('says which objects it does not have', async () => {
    const { place } = await startArchive();
    const { association, contexts } = await openAssociation({
      ...PLACE,
      ...place,
      contexts: [{ ...COMMITMENT_CONTEXT, id: 1 }],
      roles: [],
      maxPduBytes: 16_384,
      implementationClassUID: '1.2.3.4.5',
      implementationVersionName: 'TEST',
    });
    const [context] = contexts;
    const asked = requestCommitment(deps(WAIT_MS), association, context!, {
      deliveryId: (await newDelivery()).deliveryId,
      messageId: 1,
      referenced: [{ ReferencedSOPClassUID: CR, ReferencedSOPInstanceUID: newUid() }],
    });
    await expect(asked).rejects.toThrow('does not commit to 1 of 1 objects (failure reason 0112)');
    await association.release();
  });
});

const PLACE = {
  name: 'archive',
  host: '127.0.0.1',
  port: 0,
  calledAeTitle: 'PREREAD',
  callingAeTitle: 'PREREAD',
  timeoutMs: 30_000,
} satisfies StoreSinkOptions;

function deps(waitMs: number): RequestCommitmentDeps {
  const { sentCommitments } = database;
  const readReport = readCommitmentReport;
  return { sentCommitments, readReport, logger: silentLogger, clock: Date.now, waitMs };
}

function sinkTo(
  place: Partial<StoreSinkOptions>,
  waitMs = WAIT_MS,
  objects: readonly ResultObjectFile[] = [chestObject(), chestObject()],
): ResultSink {
  return createStoreSink(
    { buildObjects: () => Promise.resolve(objects), commitment: deps(waitMs) },
    { ...PLACE, ...place },
  );
}

/** An image: our own service takes those alone. */
function chestObject(): ResultObjectFile {
  const SOPInstanceUID = newUid() as DicomUid;
  return { kind: 'sc', SOPClassUID: CR, SOPInstanceUID, bytes: newChest({ SOPInstanceUID }).bytes };
}

async function newDelivery(): Promise<SinkDelivery> {
  const finished = await recordFinishedStudy(database.studies, Date.now(), sampleOutcome);
  return { ...finished, result: sampleReport() };
}

async function requested() {
  const { deliveryId } = await newDelivery();
  const TransactionUID = newUid();
  await database.sentCommitments.open(deliveryId, TransactionUID);
  return { deliveryId, TransactionUID };
}

function delivered(commitment: string) {
  return { kind: 'delivered', atMs: Date.now(), receipt: { objects: 2, commitment } } as const;
}

async function inOrder(
  when: string,
  deliveryId: string,
  TransactionUID: string,
  report: Parameters<TestStudies['sentCommitments']['report']>[1],
): Promise<void> {
  const steps = [
    () => database.sentCommitments.report(TransactionUID, report),
    () => database.studies.recordDeliveryAttempt(deliveryId, delivered('requested')),
  ];
  for (const step of when === 'before' ? steps : steps.reverse()) {
    await step();
  }
}

async function failure(sink: ResultSink, delivery: SinkDelivery): Promise<PipelineError> {
  return sink.send(delivery).then(
    () => expect.unreachable('expected the delivery to fail'),
    (error: unknown) => error as PipelineError,
  );
}

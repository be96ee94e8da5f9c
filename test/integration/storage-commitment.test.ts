import { beforeAll, describe, expect, it } from 'vitest';

import { readCommitmentRequest } from '../../adapters/dicom/read-commitment.js';
import { COMMAND_FIELDS } from '../../core/dimse/command-set.js';
import {
  encodeCommitmentReport,
  STORAGE_COMMITMENT_INSTANCE,
  STORAGE_COMMITMENT_PUSH,
} from '../../core/dimse/storage-commitment.js';
import { encodeElements, EXPLICIT, UIDS } from '../support/build-dicom.js';
import { newChest, newUid } from '../support/chest-sender.js';
import { COMMITMENT_CONTEXT, openPeer, storeChest } from '../support/dimse-peer.js';
import type { DimsePeer } from '../support/dimse-peer.js';
import { startDimseServer } from '../support/dimse-server.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { startOrthanc } from '../support/orthanc-server.js';
import { describeWithPeer } from '../support/peers.js';
import type { TestStudies } from '../support/studies.js';
import { useStudies } from '../support/studies-fixture.js';
import { temporaryFolder } from '../support/temp-folder.js';

const CR = UIDS.ComputedRadiographyImageStorage;
const { ExplicitVRLittleEndian, ImplicitVRLittleEndian } = UIDS;

const fixture = useStudies();
let folder: string;
let database: TestStudies;

beforeAll(() => {
  ({ folder, database } = fixture());
});

async function storeOne(peer: DimsePeer): Promise<string> {
  const { SOPInstanceUID, Status } = await storeChest(peer);
  expect(Status).toBe(0);
  return SOPInstanceUID;
}

function actionInformation(TransactionUID: string, objects: readonly [string, string][]): Buffer {
  return encodeElements(
    {
      '00081195': ['UI', TransactionUID],
      '00081199': [
        'SQ',
        objects.map(([sopClass, instance]) => ({
          '00081150': ['UI', sopClass] as const,
          '00081155': ['UI', instance] as const,
        })),
      ],
    },
    EXPLICIT,
  );
}

async function request(peer: DimsePeer, data: Buffer | undefined, ActionTypeID = 1) {
  const command = {
    CommandField: COMMAND_FIELDS.nActionRequest,
    MessageID: 77,
    RequestedSOPClassUID: STORAGE_COMMITMENT_PUSH,
    RequestedSOPInstanceUID: STORAGE_COMMITMENT_INSTANCE,
    ActionTypeID,
  };
  await peer.association.send(peer.contextId(STORAGE_COMMITMENT_PUSH), command, data);
  return (await peer.association.nextMessage())?.command;
}

const CONTEXTS = [
  { abstractSyntax: CR, transferSyntaxes: [ExplicitVRLittleEndian] },
  COMMITMENT_CONTEXT,
];

describe('storage commitment', () => {
  it('is reported on the association that asked: what is held, and why the rest is not', async () => {
    const { port } = await startDimseServer(folder, database);
    const peer = await openPeer(port, CONTEXTS);
    const held = await storeOne(peer);
    const TransactionUID = newUid();
    const unknown = newUid();
    const data = actionInformation(TransactionUID, [
      [CR, held],
      [CR, unknown],
      ['1.2.840.10008.5.1.4.1.1.1.1', held],
    ]);
    expect(await request(peer, data)).toMatchObject({
      CommandField: COMMAND_FIELDS.nActionResponse,
      MessageIDBeingRespondedTo: 77,
      Status: 0,
    });
    const report = await peer.association.nextMessage();
    expect(report?.command).toMatchObject({
      CommandField: COMMAND_FIELDS.nEventReportRequest,
      EventTypeID: 2,
    });
    const parts: Uint8Array[] = [];
    for await (const bytes of peer.association.dataSet()) {
      parts.push(bytes.slice());
    }
    const expected = encodeCommitmentReport(
      {
        TransactionUID,
        committed: [{ ReferencedSOPClassUID: CR, ReferencedSOPInstanceUID: held }],
        failed: [
          {
            ReferencedSOPClassUID: CR,
            ReferencedSOPInstanceUID: unknown,
            FailureReason: 0x0112,
          },
          {
            ReferencedSOPClassUID: '1.2.840.10008.5.1.4.1.1.1.1',
            ReferencedSOPInstanceUID: held,
            FailureReason: 0x0119,
          },
        ],
      },
      ExplicitVRLittleEndian,
    );
    expect(Buffer.concat(parts).equals(expected)).toBe(true);
    await peer.association.release();
  });

  it('asked for wrongly is refused with the status of the standard', async () => {
    const { port } = await startDimseServer(folder, database);
    const peer = await openPeer(port, CONTEXTS);
    const good = actionInformation(newUid(), [[CR, newUid()]]);
    expect((await request(peer, good, 2))?.Status).toBe(0x0123);
    expect((await request(peer, undefined))?.Status).toBe(0x0115);
    expect((await request(peer, actionInformation('', [[CR, newUid()]])))?.Status).toBe(0x0115);
    expect((await request(peer, actionInformation(newUid(), [])))?.Status).toBe(0x0115);
    expect((await request(peer, Buffer.from('no data set')))?.Status).toBe(0x0115);
    await peer.association.release();
  });

  it('for a configured peer that is away stays owed', async () => {
    const { port, log } = await startDimseServer(folder, database, {
      peers: new Map([['TESTPEER', { host: '127.0.0.1', port: await freePort() }]]),
    });
    const peer = await openPeer(port, CONTEXTS);
    const held = await storeOne(peer);
    expect((await request(peer, actionInformation(newUid(), [[CR, held]])))?.Status).toBe(0);
    await peer.association.release();
    await eventually(() => {
      expect(log()).toContain('storage commitment not reported yet');
    });
    const [owed] = await eventually(async () => {
      const due = await database.commitments.claimDue(10, () => 60_000);
      expect(due).toHaveLength(1);
      return due;
    });
    expect(owed).toMatchObject({ peer: 'TESTPEER' });
    await database.commitments.settle(owed?.requestId ?? '');
    expect(log()).not.toContain(held);
  });

  it('data sets are written in both little endian encodings', () => {
    const report = {
      TransactionUID: '1.2.3',
      committed: [{ ReferencedSOPClassUID: CR, ReferencedSOPInstanceUID: '1.2.3.4' }],
      failed: [],
    };
    for (const uid of [ExplicitVRLittleEndian, ImplicitVRLittleEndian]) {
      expect(readCommitmentRequest(encodeCommitmentReport(report, uid), uid)).toEqual({
        TransactionUID: '1.2.3',
        referenced: report.committed,
      });
    }
  });
});

describeWithPeer('orthanc', 'Orthanc as the sender', (peer) => {
  it('stores by C-STORE, asks for storage commitment, and is told that all is committed', async () => {
    const [orthancDicomPort] = [await freePort()];
    const { port } = await startDimseServer(folder, database, {
      peers: new Map([['ORTHANC', { host: '127.0.0.1', port: orthancDicomPort }]]),
    });
    const orthanc = await startOrthanc(
      peer,
      temporaryFolder(),
      {},
      {
        dicomPort: orthancDicomPort,
        modalities: { preread: ['PREREAD', '127.0.0.1', port] },
      },
    );
    try {
      const StudyInstanceUID = newUid();
      const ids = [];
      for (let count = 0; count < 3; count += 1) {
        ids.push(await orthanc.upload(newChest({ StudyInstanceUID }).bytes));
      }
      const { state, job } = await orthanc.cStore('preread', ids);
      expect(state, JSON.stringify(job)).toBe('Success');
      const study = await database.studies.findStudy(StudyInstanceUID);
      expect(study?.instances).toHaveLength(3);
      const report = await orthanc.commitment(job);
      expect(report, JSON.stringify(report)).toMatchObject({ Status: 'Success' });
      expect(report['Success']).toHaveLength(3);
    } finally {
      await orthanc.stop();
    }
  });
});

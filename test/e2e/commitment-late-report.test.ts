import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { readCommitmentRequest } from '../../adapters/dicom/read-commitment.js';
import { COMMAND_FIELDS } from '../../core/dimse/command-set.js';
import {
  COMMITMENT_EVENTS,
  encodeCommitmentReport,
  STORAGE_COMMITMENT_INSTANCE,
  STORAGE_COMMITMENT_PUSH,
} from '../../core/dimse/storage-commitment.js';
import { demoStudies } from '../../scripts/phantom/demo-studies.js';
import { UIDS } from '../support/build-dicom.js';
import { COMMITMENT_CONTEXT, openPeer } from '../support/dimse-peer.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { startServe } from '../support/preread-process.js';
import { startScriptedScp } from '../support/scripted-scp.js';
import { stow } from '../support/stow.js';
import { fetchStudy } from '../support/study-api.js';
import { temporaryFolder } from '../support/temp-folder.js';

const { ExplicitVRLittleEndian } = UIDS;
const PATIENCE = { timeoutMs: 150_000, intervalMs: 200 };

it.each([
  // It is delivered, and only its report is owed.
  ['after the wait for it', { commitmentTimeoutSeconds: 0, killedIn: 'delivered' }],
  // The attempt has not ended: the objects go again, under the same UIDs.
  ['during the wait for it', { commitmentTimeoutSeconds: 300, killedIn: 'pending' }],
])(
  'a report of storage commitment counts that comes after a kill %s',
  async (_when, { commitmentTimeoutSeconds, killedIn }) => {
    const folder = temporaryFolder();
    const archive = await startScriptedScp(() => 0);
    onTestFinished(() => archive.close());
    const dimsePort = await freePort();
    const PREREAD_DESTINATIONS = join(folder, 'destinations.yaml');
    const destination = {
      name: 'pacs',
      kind: 'dimse',
      host: '127.0.0.1',
      port: archive.port,
      calledAeTitle: 'ARCHIVE',
      objects: ['sr'],
      storageCommitment: true,
      commitmentTimeoutSeconds,
    };
    writeFileSync(PREREAD_DESTINATIONS, JSON.stringify({ destinations: [destination] }));
    const env = {
      PREREAD_DATA_DIR: join(folder, 'data'),
      PREREAD_DESTINATIONS,
      PREREAD_MIN_FREE_BYTES: '0',
      PREREAD_INFERENCE_PROCESSES: '1',
      PREREAD_DIMSE_PORT: `${dimsePort}`,
    };
    const serve = await startServe(env);
    onTestFinished(() => serve.kill());
    const study = await firstStudy();
    const bytes = study.instances.map((instance) => instance.bytes);
    expect((await stow(serve.url, bytes)).status).toBe(200);
    await eventually(async () => {
      // The report and the request for commitment.
      expect(archive.stored).toHaveLength(2);
      expect(await deliveryOf(serve.url, study.StudyInstanceUID)).toMatchObject({
        state: killedIn,
      });
    }, PATIENCE);
    await serve.kill();

    const successor = await startServe(env);
    onTestFinished(async () => {
      await successor.stop();
    });
    const reported = new Set<string>();
    await eventually(async () => {
      for (const request of requestsOf(archive.stored)) {
        if (!reported.has(request.TransactionUID)) {
          reported.add(request.TransactionUID);
          await reportSuccess(dimsePort, request);
        }
      }
      expect(await deliveryOf(successor.url, study.StudyInstanceUID)).toMatchObject({
        state: 'delivered',
        receipt: { objects: 1, commitment: 'committed' },
      });
    }, PATIENCE);
    const objects = archive.stored.filter(({ SOPInstanceUID }) => SOPInstanceUID !== '');
    expect(new Set(objects.map(({ SOPInstanceUID }) => SOPInstanceUID)).size).toBe(1);
  },
);

type Request = NonNullable<ReturnType<typeof readCommitmentRequest>>;

/** A request for storage commitment has no Affected SOP Instance UID. */
function requestsOf(stored: Awaited<ReturnType<typeof startScriptedScp>>['stored']): Request[] {
  return stored
    .filter(({ SOPInstanceUID }) => SOPInstanceUID === '')
    .map(({ dataSet, transferSyntax }) => readCommitmentRequest(dataSet, transferSyntax)!);
}

/** As an archive does that reports on an association of its own. */
async function reportSuccess(port: number, { TransactionUID, referenced }: Request): Promise<void> {
  const peer = await openPeer(port, [COMMITMENT_CONTEXT], { aeTitle: 'ARCHIVE' });
  const { association } = peer;
  await association.send(
    peer.contextId(STORAGE_COMMITMENT_PUSH),
    {
      CommandField: COMMAND_FIELDS.nEventReportRequest,
      MessageID: 1,
      AffectedSOPClassUID: STORAGE_COMMITMENT_PUSH,
      AffectedSOPInstanceUID: STORAGE_COMMITMENT_INSTANCE,
      EventTypeID: COMMITMENT_EVENTS.successful,
    },
    encodeCommitmentReport(
      { TransactionUID, committed: referenced, failed: [] },
      ExplicitVRLittleEndian,
    ),
  );
  expect((await association.nextMessage())?.command).toMatchObject({ Status: 0 });
  await association.release();
}

async function deliveryOf(url: string, StudyInstanceUID: string) {
  return (await fetchStudy(url, StudyInstanceUID))?.deliveries[0];
}

async function firstStudy() {
  for await (const study of demoStudies({ seed: 'late', count: 1, Rows: 256, Columns: 256 })) {
    return study;
  }
  throw new Error('the phantom made no study');
}

import { expect, it } from 'vitest';

import { COMMAND_FIELDS } from '../../core/dimse/command-set.js';
import {
  encodeCommitmentReport,
  REQUEST_STORAGE_COMMITMENT,
  STORAGE_COMMITMENT_INSTANCE,
  STORAGE_COMMITMENT_PUSH,
} from '../../core/dimse/storage-commitment.js';
import { readCommitmentRequest } from '../../adapters/dicom/read-commitment.js';
import { UIDS } from '../support/build-dicom.js';
import { newChest, newUid } from '../support/chest-sender.js';
import { COMMITMENT_CONTEXT, openPeer } from '../support/dimse-peer.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { startServe } from '../support/preread-process.js';
import { startScriptedScp } from '../support/scripted-scp.js';
import { stow } from '../support/stow.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { tinyModel, writeModelFolder } from '../support/tiny-model.js';

const { ExplicitVRLittleEndian, ComputedRadiographyImageStorage } = UIDS;

it('a report of storage commitment is still owed after a kill between the answer and the report', async () => {
  const [dimsePort, peerPort] = [await freePort(), await freePort()];
  const env = {
    PREREAD_DATA_DIR: temporaryFolder(),
    PREREAD_MODEL: await writeModelFolder(temporaryFolder(), tinyModel()),
    PREREAD_MIN_FREE_BYTES: '0',
    PREREAD_INFERENCE_PROCESSES: '1',
    PREREAD_DIMSE_PORT: `${dimsePort}`,
    PREREAD_DIMSE_PEERS: `TESTPEER=127.0.0.1:${peerPort}`,
  };
  const serve = await startServe(env);
  const chest = newChest();
  expect((await stow(serve.url, [chest.bytes])).status).toBe(200);
  const reference = {
    ReferencedSOPClassUID: ComputedRadiographyImageStorage,
    ReferencedSOPInstanceUID: chest.SOPInstanceUID,
  };
  const TransactionUID = newUid();
  const sender = await openPeer(dimsePort, [COMMITMENT_CONTEXT]);
  const { association } = sender;
  await association.send(
    sender.contextId(STORAGE_COMMITMENT_PUSH),
    {
      CommandField: COMMAND_FIELDS.nActionRequest,
      MessageID: 1,
      RequestedSOPClassUID: STORAGE_COMMITMENT_PUSH,
      RequestedSOPInstanceUID: STORAGE_COMMITMENT_INSTANCE,
      ActionTypeID: REQUEST_STORAGE_COMMITMENT,
    },
    // A request has the elements of a report without failures.
    encodeCommitmentReport(
      { TransactionUID, committed: [reference], failed: [] },
      ExplicitVRLittleEndian,
    ),
  );
  expect((await association.nextMessage())?.command).toMatchObject({
    CommandField: COMMAND_FIELDS.nActionResponse,
    Status: 0,
  });
  // Nobody listens at the peer's port, so nothing has been reported.
  await serve.kill();

  const peer = await startScriptedScp(() => 0, { port: peerPort });
  const successor = await startServe(env);
  try {
    const [report] = await eventually(() => {
      expect(peer.stored).toHaveLength(1);
      return peer.stored;
    });
    expect(readCommitmentRequest(report!.dataSet, report!.transferSyntax)).toEqual({
      TransactionUID,
      referenced: [reference],
    });
  } finally {
    await successor.stop();
    await peer.close();
  }
});

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { encodeAssociateRequest, encodeData } from '../../core/dimse/pdu.js';
import { UIDS } from '../support/build-dicom.js';
import { openPeer, openRaw } from '../support/dimse-peer.js';
import { CR_CONTEXT, newDataSet } from '../support/dimse-data-set.js';
import { startDimseServer } from '../support/dimse-server.js';
import { eventually } from '../support/eventually.js';
import { mountingImpossible, smallDisk } from '../support/small-disk.js';
import type { TestStudies } from '../support/studies.js';
import { failureReason, instancesOf, useStudies } from '../support/studies-fixture.js';

const MIB = 1024 ** 2;
const CR = UIDS.ComputedRadiographyImageStorage;

const fixture = useStudies();
let folder: string;
let database: TestStudies;

beforeAll(() => {
  ({ folder, database } = fixture());
});

beforeEach(async () => {
  await database.empty();
});

describe('what breaks the protocol', () => {
  const ABORT = 7;

  it('is aborted: garbage, a giant PDU, data before an association, a broken request', async () => {
    const { port } = await startDimseServer(folder, database);
    const giant = Buffer.from([4, 0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
    const brokenRequest = Buffer.from([1, 0, 0, 0, 0, 4, 0, 1, 0, 0]);
    const early = encodeData(1, true, Buffer.alloc(10), 0)[0] ?? Buffer.alloc(0);
    for (const bytes of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), giant, early, brokenRequest]) {
      const raw = await openRaw(port);
      raw.socket.write(bytes);
      expect((await raw.ended)[0]).toBe(ABORT);
    }
    const random = await openRaw(port);
    random.socket.write(randomBytes(100_000));
    await random.ended;
    const peer = await openPeer(port, [CR_CONTEXT]);
    expect((await peer.store(peer.contextId(CR), newDataSet())).Status).toBe(0);
    await peer.association.release();
  });

  it('by dripping its request byte by byte, or falling silent in a PDU, does not hold a place', async () => {
    const { port, log } = await startDimseServer(folder, database, {
      requestTimeoutMs: 400,
      idleTimeoutMs: 400,
    });
    const drip = await openRaw(port);
    const request = encodeAssociateRequest({
      protocolVersion: 1,
      calledAeTitle: 'PREREAD',
      callingAeTitle: 'LORIS',
      applicationContext: '1.2.840.10008.3.1.1.1',
      contexts: [{ id: 1, ...CR_CONTEXT }],
      userInformation: {
        maxPduBytes: 0,
        implementationClassUID: '1.2',
        implementationVersionName: '',
        roles: [],
      },
    });
    for (let at = 0; at < request.length && !drip.socket.closed; at += 1) {
      drip.socket.write(request.subarray(at, at + 1));
      await sleep(50);
    }
    expect(drip.socket.closed).toBe(true);
    expect((await drip.ended).length).toBe(0);

    const silent = await openRaw(port);
    silent.socket.write(request);
    await eventually(() => {
      expect(silent.socket.bytesRead).toBeGreaterThan(0);
    });
    silent.socket.write(Buffer.from([4, 0, 0, 0, 0x10, 0]));
    const answer = await silent.ended;
    expect(answer.subarray(-10)[0]).toBe(ABORT);
    await eventually(() => {
      expect(log()).toContain('"ended":"silent"');
    });
  });

  it('by dying in the middle of a PDU leaves nothing behind', async () => {
    const { port, staged, log } = await startDimseServer(folder, database);
    const peer = await openPeer(port, [CR_CONTEXT]);
    const chest = newDataSet({ '7fe00010': ['OW', Buffer.alloc(MIB)] });
    const rest = await peer.storeHalf(peer.contextId(CR), chest);
    peer.socket.write(rest[0]?.subarray(0, 1_000) ?? Buffer.alloc(0));
    await eventually(() => {
      expect(staged()).toHaveLength(1);
    });
    peer.socket.destroy();
    await eventually(() => {
      expect(log()).toContain('connection-lost');
    });
    expect(await instancesOf(database, chest.StudyInstanceUID)).toHaveLength(0);
    expect(staged()).toEqual([]);
  });
});

describe.skipIf(mountingImpossible)(`a full disk [${mountingImpossible ?? 'mounted'}]`, () => {
  it('is answered A700 after the whole object, and smaller objects still come in', async () => {
    const disk = smallDisk(4 * MIB);
    const { port, staged } = await startDimseServer(disk.folder, database);
    const peer = await openPeer(port, [CR_CONTEXT]);
    const context = peer.contextId(CR);
    const large = newDataSet({ '7fe00010': ['OW', Buffer.alloc(8 * MIB)] });
    expect((await peer.store(context, large)).Status).toBe(0xa700);
    expect((await peer.store(context, newDataSet())).Status).toBe(0);
    await peer.association.release();
    expect(staged()).toEqual([]);
  });
});

it('the watermark of the disk is answered A700, for each object, on an association that lives', async () => {
  const { port } = await startDimseServer(folder, database, {
    minFreeBytes: Number.MAX_SAFE_INTEGER,
  });
  const peer = await openPeer(port, [CR_CONTEXT]);
  for (let round = 0; round < 3; round += 1) {
    expect((await peer.store(peer.contextId(CR), newDataSet())).Status).toBe(0xa700);
  }
  await peer.association.release();
});

it('a queue that is full is answered with a lack of resources, and objects come in when it is not', async () => {
  const first = await startDimseServer(folder, database, {
    checkBacklog: database.backlogCheck(1),
  });
  const peer = await openPeer(first.port, [CR_CONTEXT]);
  const context = peer.contextId(CR);
  const waiting = newDataSet();
  expect((await peer.store(context, waiting)).Status).toBe(0);
  const refused = newDataSet();
  await eventually(async () => {
    expect((await peer.store(context, refused)).Status).toBe(failureReason('overloaded'));
  });
  expect(failureReason('overloaded') >> 8).toBe(0xa7);
  await database.empty();
  await eventually(async () => {
    expect((await peer.store(context, refused)).Status).toBe(0);
  });
  await peer.association.release();
});

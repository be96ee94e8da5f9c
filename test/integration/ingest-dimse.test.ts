import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { openTlsCredentials } from '../../adapters/tls/tls-credentials.js';
import { DECODABLE_TRANSFER_SYNTAXES } from '../../adapters/dicom/decoders/registry.js';
import { inspectFile } from '../../adapters/dicom/identify-file.js';
import { createLocalObjectStore } from '../../adapters/storage/local-object-store.js';
import { TRANSFER_SYNTAXES } from '../../core/dicom/transfer-syntaxes.js';
import type { ErrorCode } from '../../core/errors.js';
import { silentLogger } from '../../core/log.js';
import { ingestInstance } from '../../core/use-cases/ingest-instance.js';
import {
  chestElements,
  encodeElements,
  encodeFragments,
  encodeMeta,
  EXPLICIT,
  UIDS,
} from '../support/build-dicom.js';
import { makeAuthority } from '../support/certificates.js';
import { newChest, newUid, PATIENT_ID, PATIENT_NAME } from '../support/chest-sender.js';
import { openPeer } from '../support/dimse-peer.js';
import { CR_CONTEXT, newDataSet, type ChestDataSet } from '../support/dimse-data-set.js';
import { startDimseServer } from '../support/dimse-server.js';
import { eventually } from '../support/eventually.js';
import { describeWithPeer } from '../support/peers.js';
import type { Peer } from '../support/peers.js';
import type { TestStudies } from '../support/studies.js';
import { failureReason, instancesOf, useStudies } from '../support/studies-fixture.js';
import { temporaryFolder } from '../support/temp-folder.js';

const MIB = 1024 ** 2;
const CR = UIDS.ComputedRadiographyImageStorage;
const CT = '1.2.840.10008.5.1.4.1.1.2';
const { ExplicitVRLittleEndian } = UIDS;

const fixture = useStudies();
let folder: string;
let database: TestStudies;

beforeAll(() => {
  ({ folder, database } = fixture());
});

beforeEach(async () => {
  await database.empty();
});

/** A program of DCMTK; resolves to its exit code and all that it wrote. */
function run(
  peer: Peer,
  program: string,
  args: readonly string[],
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(peer.program(program), args, { timeout: 100_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, output: stdout + stderr });
    });
  });
}

describeWithPeer('dcmtk', 'DCMTK as the sender', (peer) => {
  const to = (port: number) => ['-aec', 'PREREAD', '127.0.0.1', String(port)];

  async function writeChest(name: string, bytes: Uint8Array): Promise<string> {
    const path = join(temporaryFolder(), name);
    await writeFile(path, bytes);
    return path;
  }

  /** Transfer syntax to how storescu proposes it, and how DCMTK makes such a file from a plain one. */
  const SYNTAXES: readonly (readonly [string, string, string?, string[]?])[] = [
    ['1.2.840.10008.1.2', '-xi', 'dcmconv', ['+ti']],
    ['1.2.840.10008.1.2.1', '-xe', 'dcmconv', ['+te']],
    ['1.2.840.10008.1.2.1.99', '-xd', 'dcmconv', ['+td']],
    ['1.2.840.10008.1.2.2', '-xb', 'dcmconv', ['+tb']],
    ['1.2.840.10008.1.2.5', '-xr', 'dcmcrle', []],
    ['1.2.840.10008.1.2.4.50', '-xy'],
    ['1.2.840.10008.1.2.4.51', '-xx'],
    ['1.2.840.10008.1.2.4.70', '-xs', 'dcmcjpeg', ['+e1']],
    ['1.2.840.10008.1.2.4.80', '-xt', 'dcmcjpls', ['+el']],
    ['1.2.840.10008.1.2.4.81', '-xu'],
    ['1.2.840.10008.1.2.4.90', '-xv'],
    ['1.2.840.10008.1.2.4.91', '-xw'],
  ];

  it('is answered its echo', async () => {
    const { port } = await startDimseServer(folder, database);
    const { code, output } = await run(peer, 'echoscu', ['-v', ...to(port)]);
    expect(code, output).toBe(0);
  });

  it('stores in every transfer syntax that storescu proposes, its data set kept as sent', async () => {
    const server = await startDimseServer(folder, database);
    for (const [uid, option, encoder, encoderOptions = []] of SYNTAXES) {
      const chest = newChest();
      let path = await writeChest('plain.dcm', chest.bytes);
      if (encoder === undefined) {
        // No encoder is needed: ingest looks at the fragments and not into them.
        const elements = chestElements({
          '00080018': ['UI', chest.SOPInstanceUID],
          '0020000d': ['UI', chest.StudyInstanceUID],
          '0020000e': ['UI', chest.SeriesInstanceUID],
        });
        const header = Object.entries(elements).filter(([tag]) => tag !== '7fe00010');
        const parts = [
          encodeMeta(uid),
          encodeElements(Object.fromEntries(header), EXPLICIT),
          encodeFragments([randomBytes(500)]),
        ];
        path = await writeChest('encapsulated.dcm', Buffer.concat(parts));
      } else {
        const encoded = join(temporaryFolder(), 'encoded.dcm');
        const made = await run(peer, encoder, [...encoderOptions, path, encoded]);
        expect(made.code, made.output).toBe(0);
        path = encoded;
      }
      const { port } = server;
      const sent = await run(peer, 'storescu', ['-v', '-R', option, ...to(port), path]);
      expect(sent.code, `${uid}: ${sent.output}`).toBe(0);
      const instances = await instancesOf(database, chest.StudyInstanceUID);
      expect(instances.map(({ identity }) => identity.TransferSyntaxUID)).toEqual([uid]);
      if (encoder === undefined || encoder === 'dcmcjpls') {
        expect(sent.output).not.toMatch(/fail/i);
      }
    }
    expect(server.staged()).toEqual([]);
    expect(server.log()).not.toContain(PATIENT_NAME);
    expect(server.log()).not.toContain(PATIENT_ID);
  });

  it('stores when it combines its proposals in one context, and again without a second instance', async () => {
    const { port } = await startDimseServer(folder, database);
    const chest = newChest();
    const path = await writeChest('chest.dcm', chest.bytes);
    for (let round = 0; round < 2; round += 1) {
      const { code, output } = await run(peer, 'storescu', ['-v', '+C', ...to(port), path]);
      expect(code, output).toBe(0);
    }
    expect(await instancesOf(database, chest.StudyInstanceUID)).toHaveLength(1);
  });

  it('is turned away under a name that is not ours, or its own that is not known', async () => {
    const { port, log } = await startDimseServer(folder, database, {
      callers: [{ aeTitle: 'MODALITY', address: '127.0.0.1' }],
    });
    const known = ['-aet', 'MODALITY', ...to(port)];
    expect((await run(peer, 'echoscu', known)).code).toBe(0);
    const wrongName = ['-v', '-aet', 'MODALITY', '-aec', 'OTHER', '127.0.0.1', String(port)];
    expect((await run(peer, 'echoscu', wrongName)).output).toMatch(/Called AE Title Not Recog/i);
    const stranger = await run(peer, 'echoscu', ['-v', '-aet', 'STRANGER', ...to(port)]);
    expect(stranger.output).toMatch(/Calling AE Title Not Recog/i);
    expect(log()).toContain('STRANGER');
    expect(log()).toContain('"calledAeTitle":"OTHER"');
  });

  it('stores in ten associations at the same time, all that each sends', async () => {
    const { port } = await startDimseServer(folder, database);
    const senders = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const StudyInstanceUID = newUid();
        const chests = Array.from({ length: 5 }, () => newChest({ StudyInstanceUID }));
        const paths = await Promise.all(
          chests.map(({ bytes }, index) => writeChest(`${index}.dcm`, bytes)),
        );
        return { StudyInstanceUID, paths };
      }),
    );
    const runs = await Promise.all(
      senders.map(({ paths }) => run(peer, 'storescu', ['-v', ...to(port), ...paths])),
    );
    expect(runs.map(({ code }) => code)).toEqual(runs.map(() => 0));
    for (const sender of senders) {
      expect(await instancesOf(database, sender.StudyInstanceUID)).toHaveLength(5);
    }
  });

  it('stores over TLS with a certificate of the right authority, and not with another or none', async () => {
    const files = temporaryFolder();
    const [hospital, other] = [makeAuthority(files, 'hospital'), makeAuthority(files, 'other')];
    const credentials = await openTlsCredentials(
      { logger: silentLogger },
      hospital.issue('server'),
    );
    const { port, log } = await startDimseServer(folder, database, {
      tls: { credentials, clientCa: hospital.pem },
    });
    const chest = newChest();
    const path = await writeChest('chest.dcm', chest.bytes);
    const trusting = ['+cf', hospital.cert];
    const rightClient = hospital.issue('modality');
    const wrongClient = other.issue('modality');
    const send = (...tls: string[]) =>
      run(peer, 'storescu', ['-v', ...tls, ...trusting, ...to(port), path]);
    expect((await send('+tls', wrongClient.key, wrongClient.cert)).code).not.toBe(0);
    expect((await send('+tla')).code).not.toBe(0);
    expect((await run(peer, 'storescu', [...to(port), path])).code).not.toBe(0);
    expect(await instancesOf(database, chest.StudyInstanceUID)).toHaveLength(0);
    const handshakes = /"from":"[^"]*127\.0\.0\.1","msg":"TLS handshake failed"/g;
    await eventually(() => {
      expect(log().match(handshakes)).toHaveLength(3);
    });
    const right = await send('+tls', rightClient.key, rightClient.cert);
    expect(right.code, right.output).toBe(0);
    expect(await instancesOf(database, chest.StudyInstanceUID)).toHaveLength(1);
    credentials.close();
  });
});

describe('a scripted sender', () => {
  it('stores in every transfer syntax that we decode, its bytes unchanged', async () => {
    const server = await startDimseServer(folder, database);
    const syntaxes = Object.keys(TRANSFER_SYNTAXES);
    const peer = await openPeer(
      server.port,
      syntaxes.map((uid) => ({ abstractSyntax: CR, transferSyntaxes: [uid] })),
    );
    for (const uid of syntaxes.filter((known) => known.includes('.4.'))) {
      const chest = newDataSet();
      const pixels = encodeFragments([randomBytes(70_000)]);
      const dataSet = Buffer.concat([chest.dataSet.subarray(0, -36), pixels]);
      const { Status, ErrorComment } = await peer.store(peer.contextId(CR, uid), {
        ...chest,
        dataSet,
      });
      expect(Status, `${uid} ${ErrorComment ?? ''}`).toBe(0);
      const [instance] = await instancesOf(database, chest.StudyInstanceUID);
      expect(server.dataSetOf(instance?.objectKey ?? '').equals(dataSet)).toBe(true);
    }
    await peer.association.release();
  });

  it('is told of each wrong object what is wrong with it, and goes on', async () => {
    const { port, staged } = await startDimseServer(folder, database, {
      maxInstanceBytes: 2 * MIB,
    });
    const peer = await openPeer(port, [CR_CONTEXT]);
    const context = peer.contextId(CR);
    const chest = newDataSet();
    const { SOPInstanceUID } = chest;
    const cases: readonly (readonly [ErrorCode, ChestDataSet])[] = [
      ['sop-instance-mismatch', { ...newDataSet(), SOPInstanceUID }],
      ['sop-class-unsupported', { ...newDataSet(), SOPClassUID: CT }],
      ['dicom-truncated', { ...chest, dataSet: chest.dataSet.subarray(0, -10) }],
      ['attribute-missing', newDataSet({ '0020000d': ['UI', ''] })],
      ['payload-too-large', newDataSet({ '7fe00010': ['OW', Buffer.alloc(3 * MIB)] })],
    ];
    for (const [code, object] of cases) {
      const { Status, ErrorComment = '' } = await peer.store(context, object);
      expect(Status, `${code}: ${ErrorComment}`).toBe(failureReason(code));
      expect(ErrorComment).toContain(code);
      expect(ErrorComment).not.toMatch(/\d\.\d+\.\d+/);
    }
    const noise = { ...newDataSet(), dataSet: randomBytes(3_000) };
    expect((await peer.store(context, noise)).Status).toBeGreaterThanOrEqual(0xc000);
    expect((await peer.store(context, chest)).Status).toBe(0);
    const other = { ...chest, dataSet: newDataSet({ '00080018': ['UI', SOPInstanceUID] }).dataSet };
    expect((await peer.store(context, other)).Status).toBe(failureReason('instance-conflict'));
    await peer.association.release();
    expect(staged()).toEqual([]);
  });

  it('is refused contexts of what we do not take, and operations that we do not have', async () => {
    const { port, log } = await startDimseServer(folder, database);
    const peer = await openPeer(port, [
      CR_CONTEXT,
      { abstractSyntax: CT, transferSyntaxes: [ExplicitVRLittleEndian] },
      { abstractSyntax: CR, transferSyntaxes: ['1.2.840.10008.1.2.4.102'] },
    ]);
    expect(() => peer.contextId(CT)).toThrow();
    expect(() => peer.contextId(CR, '1.2.840.10008.1.2.4.102')).toThrow();
    const C_FIND_REQUEST = 0x0020;
    const context = peer.contextId(CR);
    const command = { CommandField: C_FIND_REQUEST, MessageID: 1, AffectedSOPClassUID: CR };
    await peer.association.send(context, command, Buffer.alloc(8));
    expect((await peer.association.nextMessage())?.command.Status).toBe(0x0211);
    expect((await peer.store(context, newDataSet())).Status).toBe(0);
    await peer.association.release();
    await eventually(() => {
      expect(log()).toContain('"contextsRefused":2');
    });
  });

  it('that aborts after some objects has these stored, and the one in its middle not', async () => {
    const { port, staged, log } = await startDimseServer(folder, database);
    const peer = await openPeer(port, [CR_CONTEXT]);
    const context = peer.contextId(CR);
    const whole = [newDataSet(), newDataSet(), newDataSet()];
    for (const chest of whole) {
      expect((await peer.store(context, chest)).Status).toBe(0);
    }
    const cut = newDataSet({ '7fe00010': ['OW', Buffer.alloc(MIB)] });
    await peer.storeHalf(context, cut);
    peer.association.abort();
    await eventually(() => {
      expect(log()).toContain('aborted-by-peer');
    });
    for (const chest of whole) {
      expect(await instancesOf(database, chest.StudyInstanceUID)).toHaveLength(1);
    }
    expect(await instancesOf(database, cut.StudyInstanceUID)).toHaveLength(0);
    expect(staged()).toEqual([]);
  });

  it('that is slow is waited for, and one that is fast is slowed down', async () => {
    const { port } = await startDimseServer(folder, database);
    const peer = await openPeer(port, [CR_CONTEXT]);
    const context = peer.contextId(CR);
    const chest = newDataSet({ '7fe00010': ['OW', Buffer.alloc(20 * MIB)] });
    expect((await peer.store(context, chest)).Status).toBe(0);
    await peer.association.release();
    expect(await instancesOf(database, chest.StudyInstanceUID)).toHaveLength(1);
  });

  it('beyond the number of associations is told to come back, and finds room when one has gone', async () => {
    const { port } = await startDimseServer(folder, database, { maxAssociations: 2 });
    const [first, second] = [
      await openPeer(port, [CR_CONTEXT]),
      await openPeer(port, [CR_CONTEXT]),
    ];
    const rejected = { result: 2, source: 3, reason: 2 };
    await expect(openPeer(port, [CR_CONTEXT])).rejects.toMatchObject(rejected);
    await first.association.release();
    const third = await eventually(() => openPeer(port, [CR_CONTEXT]));
    await Promise.all([second.association.release(), third.association.release()]);
  });

  it('in the middle of an object at shutdown may finish it', async () => {
    const server = await startDimseServer(folder, database, { shutdownMs: 60_000 });
    const [busy, idle] = [
      await openPeer(server.port, [CR_CONTEXT]),
      await openPeer(server.port, [CR_CONTEXT]),
    ];
    const context = busy.contextId(CR);
    const chest = newDataSet({ '7fe00010': ['OW', Buffer.alloc(MIB)] });
    const rest = await busy.storeHalf(context, chest);
    await eventually(() => {
      expect(server.staged()).toHaveLength(1);
    });
    const closed = server.close();
    await expect(idle.association.nextMessage()).rejects.toThrow();
    for (const pdu of rest) {
      busy.socket.write(pdu);
    }
    expect((await busy.association.nextMessage())?.command.Status).toBe(0);
    await closed;
    expect(await instancesOf(database, chest.StudyInstanceUID)).toHaveLength(1);
  });
});

it('an object that is known from a file is the same object by C-STORE, and one pixel more is another', async () => {
  const dataFolder = temporaryFolder();
  const server = await startDimseServer(dataFolder, database);
  const chest = newDataSet();
  const objects = createLocalObjectStore({ dataFolder, minFreeBytes: 0 });
  const byFile = await ingestInstance(
    {
      objects,
      studies: database.studies,
      inspectFile,
      decodable: DECODABLE_TRANSFER_SYNTAXES,
      clock: Date.now,
      logger: silentLogger,
    },
    {
      bytes: Readable.from([Buffer.concat([encodeMeta(ExplicitVRLittleEndian), chest.dataSet])]),
      maxBytes: MIB,
    },
  );
  expect(byFile.kind).toBe('stored');
  const peer = await openPeer(server.port, [CR_CONTEXT]);
  const context = peer.contextId(CR);
  expect((await peer.store(context, chest)).Status).toBe(0);
  const changed = Buffer.from(chest.dataSet);
  changed[changed.length - 1]! ^= 1;
  const { Status } = await peer.store(context, { ...chest, dataSet: changed });
  expect(Status).toBe(failureReason('instance-conflict'));
  await peer.association.release();
  expect(await instancesOf(database, chest.StudyInstanceUID)).toHaveLength(1);
});

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import {
  ACCESSION_NUMBER,
  CLOSE,
  MULTIPART,
  multipart,
  newChest,
  newUid,
  openConnection,
  partHead,
  PATIENT_ID,
  PATIENT_NAME,
  requestHead,
} from '../support/chest-sender.js';
import { readStoreAnswer } from '../support/dicom-json.js';
import { startIngestServer } from '../support/ingest-server.js';
import type { IngestServer } from '../support/ingest-server.js';
import { mountingImpossible, smallDisk } from '../support/small-disk.js';
import { openStudies, type TestStudies } from '../support/studies.js';
import { useStudies } from '../support/studies-fixture.js';
import { temporaryFolder } from '../support/temp-folder.js';

const STUDIES = '/dicom-web/studies';
const SINGLE = { 'Content-Type': 'application/dicom' };
const MULTI = { 'Content-Type': MULTIPART };
const MIB = 1024 ** 2;

const fixture = useStudies();
let folder: string;
let database: TestStudies;

beforeAll(() => {
  ({ folder, database } = fixture());
});

async function serverOn(dataFolder: string): Promise<IngestServer> {
  const server = await startIngestServer(dataFolder, database.studies);
  onTestFinished(() => server.close());
  return server;
}

function largeChest(sizeBytes: number) {
  return newChest({}, { '7fe00010': ['OW', Buffer.alloc(sizeBytes)] });
}

describe.skipIf(mountingImpossible)(
  `a disk of its own [${mountingImpossible ?? 'mounted'}]`,
  () => {
    it('that is full in the middle of an object: 503, nothing left behind, and smaller ones still come in', async () => {
      const server = await serverOn(smallDisk(4 * MIB).folder);
      const large = largeChest(6 * MIB);
      const refused = await server.post(STUDIES, large.bytes, SINGLE);
      expect(refused.status).toBe(503);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(refused.answer.other).toEqual([0xa700]);
      expect(server.staged()).toEqual([]);

      const small = newChest();
      expect((await server.post(STUDIES, small.bytes, SINGLE)).status).toBe(200);
    });

    it('that is full behind some objects: these stay stored, the others are listed, 202', async () => {
      const server = await serverOn(smallDisk(4 * MIB).folder);
      const [first, large, last] = [newChest(), largeChest(6 * MIB), newChest()];
      const body = multipart(first.bytes, large.bytes, last.bytes);
      const { status, answer } = await server.post(STUDIES, body, MULTI);
      expect(status).toBe(202);
      expect(answer).toEqual({
        stored: [first.SOPInstanceUID, last.SOPInstanceUID],
        failed: {},
        other: [0xa700],
      });
    });

    it('that is read-only: 503, and readiness names the object store', async () => {
      const disk = smallDisk(4 * MIB);
      const server = await serverOn(disk.folder);
      disk.makeReadOnly();
      const chest = newChest();
      const { status, answer, headers } = await server.post(STUDIES, chest.bytes, SINGLE);
      expect(status).toBe(503);
      expect(headers.get('retry-after')).not.toBeNull();
      expect(answer.other).toEqual([0xa701]);
      expect(await database.studies.findStudy(chest.StudyInstanceUID)).toBeUndefined();

      const ready = await fetch(`${server.url}/readyz`);
      expect(ready.status).toBe(503);
      expect(await ready.json()).toEqual({
        status: 'not-ready',
        checks: [
          { name: 'database', ok: true },
          { name: 'objects', ok: false, error: 'storage-unavailable' },
        ],
      });
    });
  },
);

describe('a data folder that cannot be written', () => {
  it('is answered with 503, and the rest of a large request is not waited for', async () => {
    const blocked = join(temporaryFolder(), 'file');
    await writeFile(blocked, 'not a folder');
    const server = await serverOn(blocked);
    const connection = await openConnection(server.port);
    await connection.write(requestHead(STUDIES, { ...MULTI, 'Content-Length': 20 * MIB }));
    await connection.write(Buffer.concat([partHead(), newChest().bytes]));
    const { status, headers, body } = await connection.response();
    expect(status).toBe(503);
    expect(headers).toMatch(/^retry-after: \d+/im);
    expect(readStoreAnswer(body).other).toEqual([0xa701]);
    connection.socket.destroy();
  });
});

describe('a database that does not answer', () => {
  it('costs nothing: 503, and the same object sent again is stored once', async () => {
    const dataFolder = temporaryFolder();
    const own = await openStudies();
    const server = await startIngestServer(dataFolder, own.studies);
    const chest = newChest();
    await own.close();
    const { status, headers, answer } = await server.post(STUDIES, chest.bytes, SINGLE);
    expect(status).toBe(503);
    expect(headers.get('retry-after')).not.toBeNull();
    expect(answer.failed).toEqual({ [chest.SOPInstanceUID]: 0xa702 });
    const ready = await fetch(`${server.url}/readyz`);
    expect(await ready.json()).toMatchObject({
      checks: [{ name: 'database', ok: false, error: 'database-unavailable' }, { ok: true }],
    });
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${server.url}/api/v1/studies`)).status).toBe(503);
    await server.close();

    const restarted = await serverOn(dataFolder);
    const again = await restarted.post(STUDIES, chest.bytes, SINGLE);
    expect(again.status).toBe(200);
    const found = await database.studies.findStudy(chest.StudyInstanceUID);
    expect(found?.instances).toHaveLength(1);
    const path = restarted.objects.path(found?.instances[0]?.objectKey ?? '');
    expect((await readFile(path)).equals(chest.bytes)).toBe(true);
  });
});

describe('the log', () => {
  it('of every kind of request holds no UID, name, number or path that was sent', async () => {
    const server = await serverOn(folder);
    const chest = newChest();
    const conflicting = newChest(chest, { '00080060': ['CS', 'DX'] });
    const truncated = newChest();
    const otherStudy = newUid();
    await server.post(STUDIES, multipart(chest.bytes, chest.bytes, conflicting.bytes), MULTI);
    await server.post(STUDIES, truncated.bytes.subarray(0, -2), SINGLE);
    await server.post(`${STUDIES}/${otherStudy}`, chest.bytes, SINGLE);
    await server.post(STUDIES, Buffer.concat([partHead(`${PATIENT_NAME}: x`), CLOSE]), MULTI);
    await server.post(`${STUDIES}/${PATIENT_ID}`, chest.bytes, {
      ...SINGLE,
      'X-Request-Id': chest.StudyInstanceUID,
      'User-Agent': PATIENT_NAME,
    });
    await fetch(`${server.url}/api/v1/studies/${chest.StudyInstanceUID}`);
    await fetch(`${server.url}/api/v1/studies?cursor=${chest.StudyInstanceUID}`);
    await fetch(`${server.url}/somewhere/${chest.StudyInstanceUID}?name=${PATIENT_NAME}`);

    const log = server.log();
    expect(log).toContain('"instance stored"');
    expect(log).toContain('"instance-conflict"');
    expect(log).toContain('"dicom-truncated"');
    expect(log).toContain('"/dicom-web/studies/:StudyInstanceUID"');
    const sent = [chest, truncated].flatMap((object) => [
      object.StudyInstanceUID,
      object.SeriesInstanceUID,
      object.SOPInstanceUID,
    ]);
    for (const secret of [...sent, otherStudy, PATIENT_NAME, PATIENT_ID, ACCESSION_NUMBER]) {
      expect(log).not.toContain(secret);
      expect(log).not.toContain(encodeURIComponent(secret));
    }
    expect(log).not.toMatch(/\d+(\.\d+){5}/);
  });
});

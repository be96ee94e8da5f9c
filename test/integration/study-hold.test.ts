import { beforeAll, describe, expect, it, vi } from 'vitest';

import {
  httpChunk,
  MULTIPART,
  multipart,
  newChest,
  openConnection,
  requestHead,
} from '../support/chest-sender.js';
import type { RawConnection } from '../support/chest-sender.js';
import { useIngestServer } from '../support/ingest-fixture.js';
import type { IngestServer } from '../support/ingest-server.js';
import type { TestStudies } from '../support/studies.js';

const STUDIES = '/dicom-web/studies';
const CHUNKED = { 'Transfer-Encoding': 'chunked', 'Content-Type': MULTIPART };
const END = '0\r\n\r\n';

const fixture = useIngestServer();
let database: TestStudies;
let server: IngestServer;

beforeAll(() => {
  ({ database, server } = fixture());
});

async function heldUntilMs(StudyInstanceUID: string): Promise<number> {
  return (await database.studies.findStudy(StudyInstanceUID))?.study.heldUntilMs ?? 0;
}

const isHeld = async (uid: string) => (await heldUntilMs(uid)) > Date.now();
const isFree = async (uid: string) => !(await isHeld(uid));

/** Of a usual order: the header ends long before the object does. */
const imageOf = (StudyInstanceUID: string) =>
  newChest({ StudyInstanceUID }, { '7fe00010': ['OW', Buffer.alloc(2_000)] }).bytes;

const until = (condition: () => Promise<boolean>) =>
  vi.waitUntil(condition, { timeout: 20_000, interval: 10 });

/** A request of which all but the last bytes are sent. */
async function beginRequest(
  body: Buffer,
): Promise<{ connection: RawConnection; end: () => Promise<void> }> {
  const connection = await openConnection(server.port);
  await connection.write(requestHead(STUDIES, CHUNKED));
  await connection.write(httpChunk(body.subarray(0, -300)));
  async function end(): Promise<void> {
    await connection.write(httpChunk(body.subarray(-300)));
    await connection.write(END);
    expect((await connection.response()).status).toBe(200);
    connection.socket.destroy();
  }
  return { connection, end };
}

async function store(bytes: Buffer): Promise<void> {
  await (await beginRequest(multipart(bytes))).end();
}

describe('a study whose request is still streaming', () => {
  it('is held while more parts come, and released at the end', async () => {
    const first = newChest();
    const uid = first.StudyInstanceUID;
    const second = newChest({ StudyInstanceUID: uid });
    const request = await beginRequest(multipart(first.bytes, second.bytes));
    await until(() => isHeld(uid));

    // The lease is short and renewed by time, because one part may take long.
    const firstLeaseMs = await heldUntilMs(uid);
    await until(async () => (await heldUntilMs(uid)) > firstLeaseMs);

    await request.end();
    await until(() => isFree(uid));
  });

  it('is released when the client goes away', async () => {
    const first = newChest();
    const { connection } = await beginRequest(multipart(first.bytes, newChest(first).bytes));
    await until(() => isHeld(first.StudyInstanceUID));
    connection.socket.destroy();
    await until(() => isFree(first.StudyInstanceUID));
  });
});

describe('a study whose images come in a request each', () => {
  it('is held as soon as the header of the next image is there', async () => {
    const first = newChest();
    await store(first.bytes);
    expect(await isHeld(first.StudyInstanceUID)).toBe(false);

    const request = await beginRequest(multipart(imageOf(first.StudyInstanceUID)));
    await until(() => isHeld(first.StudyInstanceUID));
    await request.end();
    await until(() => isFree(first.StudyInstanceUID));
  });

  it('is held until the last of several requests has ended', async () => {
    const first = newChest();
    const uid = first.StudyInstanceUID;
    await store(first.bytes);
    const second = await beginRequest(multipart(imageOf(uid)));
    const third = await beginRequest(multipart(imageOf(uid)));
    await until(() => isHeld(uid));

    await second.end();
    expect(await isHeld(uid)).toBe(true);
    await third.end();
    await until(() => isFree(uid));
  });
});

import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import fc from 'fast-check';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import type { IngestHttpOptions } from '../../services/ingest-http/server.js';
import { encodeElementHeader, EXPLICIT } from '../support/build-dicom.js';
import {
  CLOSE,
  httpChunk,
  MULTIPART,
  multipart,
  newChest,
  openConnection,
  partHead,
  requestHead,
} from '../support/chest-sender.js';
import { readStoreAnswer } from '../support/dicom-json.js';
import { useIngestServer } from '../support/ingest-fixture.js';
import { startIngestServer } from '../support/ingest-server.js';
import type { IngestServer } from '../support/ingest-server.js';
import type { TestStudies } from '../support/studies.js';

const STUDIES = '/dicom-web/studies';
const MIB = 1024 ** 2;
const CHUNKED = { 'Transfer-Encoding': 'chunked', 'Content-Type': MULTIPART };

const fixture = useIngestServer();
let folder: string;
let database: TestStudies;
let shared: IngestServer;

beforeAll(() => {
  ({ folder, database, server: shared } = fixture());
});

/** A further server on the same stores, with other limits. */
async function serverWith(options: Partial<IngestHttpOptions>): Promise<IngestServer> {
  const server = await startIngestServer(folder, database.studies, options);
  onTestFinished(() => server.close());
  return server;
}

async function instanceCount(StudyInstanceUID: string): Promise<number> {
  return (await database.studies.findStudy(StudyInstanceUID))?.instances.length ?? 0;
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadlineMs = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadlineMs) {
      throw new Error('it did not come to pass');
    }
    await sleep(10);
  }
}

describe('chunking', () => {
  it('stores the same bytes however the body is cut into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 12 }),
        async (sizes) => {
          const chests = [newChest(), newChest()];
          const body = multipart(...chests.map(({ bytes }) => bytes));
          const connection = await openConnection(shared.port);
          await connection.write(requestHead(STUDIES, CHUNKED));
          for (let at = 0, turn = 0; at < body.length; turn += 1) {
            const size = sizes[turn % sizes.length] ?? 1;
            await connection.write(httpChunk(body.subarray(at, at + size)));
            at += size;
          }
          await connection.write('0\r\n\r\n');
          expect((await connection.response()).status).toBe(200);
          connection.socket.destroy();
          for (const { StudyInstanceUID, bytes } of chests) {
            const [instance] =
              (await database.studies.findStudy(StudyInstanceUID))?.instances ?? [];
            const stored = await readFile(shared.objects.path(instance?.objectKey ?? ''));
            expect(stored.equals(bytes)).toBe(true);
          }
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('a client that goes away', () => {
  it('in the middle of a part loses that part alone, and leaves nothing staged', async () => {
    const [first, second] = [newChest(), newChest()];
    const body = multipart(first.bytes, second.bytes);
    const connection = await openConnection(shared.port);
    await connection.write(
      requestHead(STUDIES, { 'Content-Type': MULTIPART, 'Content-Length': body.length }),
    );
    await connection.write(body.subarray(0, -300));
    await until(async () => (await instanceCount(first.StudyInstanceUID)) === 1);
    await until(() => shared.staged().length === 1);
    connection.socket.destroy();
    await until(() => shared.staged().length === 0);
    expect(await instanceCount(second.StudyInstanceUID)).toBe(0);
    expect(await instanceCount(first.StudyInstanceUID)).toBe(1);
  });

  it('by closing its side in the middle of a chunked body loses what was not whole', async () => {
    const chest = newChest();
    const connection = await openConnection(shared.port);
    await connection.write(requestHead(STUDIES, CHUNKED));
    await connection.write(httpChunk(multipart(chest.bytes).subarray(0, -100)));
    await until(() => shared.staged().length === 1);
    connection.socket.end();
    await until(() => shared.staged().length === 0);
    expect(await instanceCount(chest.StudyInstanceUID)).toBe(0);
  });

  it('just before the end of its only object has stored nothing', async () => {
    const chest = newChest();
    const connection = await openConnection(shared.port);
    await connection.write(
      requestHead(STUDIES, {
        'Content-Type': 'application/dicom',
        'Content-Length': chest.bytes.length,
      }),
    );
    await connection.write(chest.bytes.subarray(0, -1));
    await until(() => shared.staged().length === 1);
    connection.socket.destroy();
    await until(() => shared.staged().length === 0);
    expect(await instanceCount(chest.StudyInstanceUID)).toBe(0);
  });
});

describe('slow clients', () => {
  it('are served as long as something comes, however long it takes in all', async () => {
    const server = await serverWith({ idleTimeoutMs: 1_500 });
    const chest = newChest();
    const body = multipart(chest.bytes);
    const connection = await openConnection(server.port);
    await connection.write(requestHead(STUDIES, CHUNKED));
    const startedAtMs = Date.now();
    for (let at = 0; at < body.length; at += 64) {
      await connection.write(httpChunk(body.subarray(at, at + 64)));
      await sleep(200);
    }
    await connection.write('0\r\n\r\n');
    expect((await connection.response()).status).toBe(200);
    expect(Date.now() - startedAtMs).toBeGreaterThan(2_000);
  });

  it('that fall silent are told so, and what they sent whole stays stored', async () => {
    const server = await serverWith({ idleTimeoutMs: 300 });
    const whole = newChest();
    const connection = await openConnection(server.port);
    await connection.write(requestHead(STUDIES, CHUNKED));
    const silent = await openConnection(server.port);
    await silent.write(requestHead(STUDIES, CHUNKED));
    await connection.write(httpChunk(multipart(whole.bytes, newChest().bytes).subarray(0, -200)));
    expect((await silent.response()).status).toBe(408);
    const { status, body } = await connection.response();
    expect(status).toBe(202);
    expect(readStoreAnswer(body)).toMatchObject({
      stored: [whole.SOPInstanceUID],
      other: [0xa707],
    });
    expect(server.staged()).toEqual([]);
  });
});

describe('too many', () => {
  it('parts in a request end it, and those before are kept', async () => {
    const chest = newChest();
    const empty = Buffer.concat([partHead('Content-Type: text/plain'), Buffer.from('\r\n')]);
    const body = Buffer.concat([
      ...Array.from({ length: 9_999 }, () => empty),
      multipart(chest.bytes, newChest().bytes),
    ]);
    const { status, answer } = await shared.post(STUDIES, body, { 'Content-Type': MULTIPART });
    expect(status).toBe(202);
    expect(answer.stored).toEqual([chest.SOPInstanceUID]);
    expect(answer.other).toHaveLength(10_000);
    expect(answer.other.at(-1)).toBe(0xa700);
  });
});

describe('too large', () => {
  it('by its Content-Length is refused before a byte of the body was read', async () => {
    const connection = await openConnection(shared.port);
    await connection.write(
      requestHead(STUDIES, {
        'Content-Type': 'application/dicom',
        'Content-Length': 3 * 1024 * MIB,
      }),
    );
    const { status, headers } = await connection.response();
    expect(status).toBe(413);
    expect(headers).toMatch(/^connection: close/im);
    connection.socket.destroy();
  });

  it('in chunks is stopped at the limit, and the client reads its 413 before the connection ends', async () => {
    const server = await serverWith({ maxInstanceBytes: MIB, maxRequestBytes: 2 * MIB });
    const connection = await openConnection(server.port);
    await connection.write(requestHead(STUDIES, CHUNKED));
    await connection.write(httpChunk(partHead()));
    // A client that reads nothing before it has sent everything: 8 MiB past both limits.
    const mebibyte = httpChunk(Buffer.alloc(MIB));
    for (let sent = 0; sent < 10; sent += 1) {
      await connection.write(mebibyte);
    }
    await connection.write('0\r\n\r\n');
    expect((await connection.response()).status).toBe(413);
    expect(server.staged()).toEqual([]);
  });

  it('one object of several is refused alone', async () => {
    const server = await serverWith({ maxInstanceBytes: 100_000 });
    const [first, last] = [newChest(), newChest()];
    const large = newChest({}, { '7fe00010': ['OW', Buffer.alloc(200_000)] });
    const response = await server.post(STUDIES, multipart(first.bytes, large.bytes, last.bytes), {
      'Content-Type': MULTIPART,
    });
    expect(response.status).toBe(202);
    expect(response.answer).toEqual({
      stored: [first.SOPInstanceUID, last.SOPInstanceUID],
      failed: {},
      other: [0xa700],
    });
  });
});

describe('Expect: 100-continue', () => {
  it('is answered by a refusal where the head is wrong, so that the body is never sent', async () => {
    const connection = await openConnection(shared.port);
    const headers = { Expect: '100-continue', 'Content-Length': 1_000 };
    await connection.write(requestHead(STUDIES, { ...headers, 'Content-Type': 'text/plain' }));
    expect((await connection.response()).status).toBe(415);
  });

  it('is answered by 100 where the head is right', async () => {
    const body = multipart(newChest().bytes);
    const connection = await openConnection(shared.port);
    await connection.write(
      requestHead(STUDIES, {
        Expect: '100-continue',
        'Content-Type': MULTIPART,
        'Content-Length': body.length,
      }),
    );
    expect((await connection.response()).status).toBe(100);
    await connection.write(body);
    expect((await connection.response()).status).toBe(200);
    connection.socket.destroy();
  });
});

describe('many requests at a time', () => {
  it('beyond the limit are told to come back, and the place is free again afterwards', async () => {
    const server = await serverWith({ maxStoreRequests: 1 });
    const chest = newChest();
    const busy = await openConnection(server.port);
    const body = multipart(chest.bytes);
    await busy.write(requestHead(STUDIES, CHUNKED));
    await busy.write(httpChunk(body.subarray(0, 300)));
    await until(() => server.staged().length === 1);

    const refused = await server.post(STUDIES, body, { 'Content-Type': MULTIPART });
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(JSON.parse(refused.text)).toMatchObject({ type: 'urn:preread:error:overloaded' });

    await busy.write(httpChunk(body.subarray(300)));
    await busy.write('0\r\n\r\n');
    expect((await busy.response()).status).toBe(200);
    const served = await server.post(STUDIES, body, { 'Content-Type': MULTIPART });
    expect(served.status).toBe(200);
    busy.socket.destroy();
  });

  it('on one connection are answered in their order', async () => {
    const chests = [newChest(), newChest(), newChest()];
    const connection = await openConnection(shared.port);
    for (const { bytes } of chests) {
      const headers = { 'Content-Type': 'application/dicom', 'Content-Length': bytes.length };
      await connection.write(requestHead(STUDIES, headers));
      await connection.write(bytes);
    }
    for (const { SOPInstanceUID } of chests) {
      const { status, body } = await connection.response();
      expect(status).toBe(200);
      expect(readStoreAnswer(body).stored).toEqual([SOPInstanceUID]);
    }
    connection.socket.destroy();
  });
});

describe('start', () => {
  it('on a port that is taken fails with a sentence that says so', async () => {
    await expect(
      startIngestServer(folder, database.studies, { port: shared.port }),
    ).rejects.toThrow(`Cannot listen on 127.0.0.1, port ${shared.port} (EADDRINUSE).`);
  });
});

describe('close', () => {
  it('lets a request in flight finish, takes no further one, and then ends', async () => {
    const server = await startIngestServer(folder, database.studies, { shutdownMs: 10_000 });
    const body = multipart(newChest().bytes);
    const connection = await openConnection(server.port);
    await connection.write(requestHead(STUDIES, CHUNKED));
    await connection.write(httpChunk(body.subarray(0, 300)));
    await until(() => server.staged().length === 1);
    const closed = server.close();
    await expect(openConnection(server.port)).rejects.toThrow(/ECONNREFUSED/);
    await connection.write(httpChunk(body.subarray(300)));
    await connection.write('0\r\n\r\n');
    expect((await connection.response()).status).toBe(200);
    const answeredAtMs = Date.now();
    await closed;
    expect(Date.now() - answeredAtMs).toBeLessThan(5_000);
    await server.close();
  });

  it('cuts off what takes too long', async () => {
    const server = await startIngestServer(folder, database.studies, { shutdownMs: 200 });
    const chest = newChest();
    const connection = await openConnection(server.port);
    await connection.write(requestHead(STUDIES, CHUNKED));
    await connection.write(httpChunk(multipart(chest.bytes).subarray(0, 300)));
    await until(() => server.staged().length === 1);
    await server.close();
    await expect(connection.response()).rejects.toThrow(/ended/);
    await until(() => server.staged().length === 0);
    expect(await instanceCount(chest.StudyInstanceUID)).toBe(0);
  });
});

describe('memory', () => {
  it('does not grow with the size of an object: 500 MB raise it by less than 150 MB', async () => {
    const server = await serverWith({
      maxInstanceBytes: 1024 * MIB,
      maxRequestBytes: 1024 * MIB,
    });
    const pixelBytes = 500_000_000;
    const withoutPixels = newChest({}, { '7fe00010': ['OW', Buffer.alloc(0)] });
    // The empty Pixel Data element at the end (12 bytes) is replaced by a large one.
    const head = Buffer.concat([
      withoutPixels.bytes.subarray(0, -12),
      encodeElementHeader('7fe00010', 'OW', pixelBytes, EXPLICIT),
    ]);
    const block = randomBytes(MIB / 2);
    const hash = createHash('sha256').update(head);
    let peakRssBytes = 0;
    const connection = await openConnection(server.port);
    await connection.write(requestHead(STUDIES, CHUNKED));
    await connection.write(httpChunk(Buffer.concat([partHead(), head])));
    const startRssBytes = process.memoryUsage.rss();
    for (let left = pixelBytes; left > 0;) {
      const piece = block.subarray(0, Math.min(left, block.length));
      hash.update(piece);
      await connection.write(httpChunk(piece));
      left -= piece.length;
      peakRssBytes = Math.max(peakRssBytes, process.memoryUsage.rss());
    }
    await connection.write(httpChunk(Buffer.concat([Buffer.from('\r\n'), CLOSE])));
    await connection.write('0\r\n\r\n');
    expect((await connection.response()).status).toBe(200);
    connection.socket.destroy();
    const [instance] =
      (await database.studies.findStudy(withoutPixels.StudyInstanceUID))?.instances ?? [];
    expect(instance?.sha256).toBe(hash.digest('hex'));
    expect(peakRssBytes - startRssBytes).toBeLessThan(150 * MIB);
  });
});

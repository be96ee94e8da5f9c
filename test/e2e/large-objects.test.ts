import { createHash } from 'node:crypto';
import { readdirSync, statfsSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { describe, expect, it } from 'vitest';

import { residentBytes } from '../../adapters/inference/resident-memory.js';
import { encodeElementHeader, EXPLICIT } from '../support/build-dicom.js';
import { CLOSE, MULTIPART, newChest, partHead } from '../support/chest-sender.js';
import { startServe } from '../support/preread-process.js';
import { eventually } from '../support/eventually.js';
import { readyResult } from '../support/study-api.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { tinyModel, writeModelFolder } from '../support/tiny-model.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const PIXEL_BYTES = 2 * GIB;
const BLOCK = Buffer.alloc(4 * MIB);
const { bavail, bsize } = statfsSync(tmpdir());
const diskTooSmall = bavail * bsize < 2 * PIXEL_BYTES;

/** A chest with so many bytes of zeros as Pixel Data, made while it is sent, once. */
function largeChest(pixelBytes: number) {
  const chest = newChest({}, { '7fe00010': ['OW', Buffer.alloc(0)] });
  // The empty Pixel Data element at the end (12 bytes) is replaced by a large one.
  const head = Buffer.concat([
    chest.bytes.subarray(0, -12),
    encodeElementHeader('7fe00010', 'OW', pixelBytes, EXPLICIT),
  ]);
  const hash = createHash('sha256');
  function* body(): Generator<Buffer> {
    yield partHead();
    hash.update(head);
    yield head;
    for (let left = pixelBytes; left > 0; left -= BLOCK.length) {
      const block = BLOCK.subarray(0, Math.min(left, BLOCK.length));
      hash.update(block);
      yield block;
    }
    yield Buffer.from('\r\n');
    yield CLOSE;
  }
  return {
    ...chest,
    sizeBytes: head.length + pixelBytes,
    body,
    /** Of everything that was sent, once it was. */
    sha256: () => hash.digest('hex'),
  };
}

async function store(url: string, body: () => Iterable<Buffer>): Promise<number> {
  const outgoing = request(`${url}/dicom-web/studies`, {
    method: 'POST',
    headers: { 'Content-Type': MULTIPART },
  });
  const answered = new Promise<number>((resolve, reject) => {
    outgoing.once('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.once('error', reject);
  });
  // A refusal ends the connection before the last byte; the answer says why.
  await Promise.all([answered, pipeline(Readable.from(body()), outgoing).catch(() => undefined)]);
  return answered;
}

function objectFiles(folder: string): string[] {
  const names = readdirSync(join(folder, 'objects'), { recursive: true }).map(String);
  return names.filter((name) => name.endsWith('.dcm'));
}

describe.skipIf(diskTooSmall)(
  `an object of two gigabytes [${diskTooSmall ? `skipped: ${tmpdir()} has less than 4 GB` : 'sent'}]`,
  () => {
    // What is beyond the limit is refused byte for byte by the same code; ingest-connection.test.ts has it, in megabytes.
    it('is stored whole without growing the process, and has one outcome', async () => {
      const folder = temporaryFolder();
      const serve = await startServe({
        PREREAD_DATA_DIR: folder,
        PREREAD_MODEL: await writeModelFolder(temporaryFolder(), tinyModel()),
        PREREAD_MIN_FREE_BYTES: '0',
        PREREAD_INFERENCE_PROCESSES: '1',
        PREREAD_MAX_INSTANCE_BYTES: `${PIXEL_BYTES + MIB}`,
      });
      const pid = serve.child.pid ?? 0;
      const startBytes = residentBytes(pid) ?? 0;
      let peakBytes = startBytes;
      const sampler = setInterval(() => {
        peakBytes = Math.max(peakBytes, residentBytes(pid) ?? 0);
      }, 50);
      try {
        const large = largeChest(PIXEL_BYTES);
        expect(await store(serve.url, large.body)).toBe(200);
        await eventually(async () => {
          const result = await readyResult(serve.url, large.StudyInstanceUID);
          expect(result?.instances).toHaveLength(1);
        });
        const [stored = '', ...others] = objectFiles(folder);
        expect(others).toEqual([]);
        // Its name is the sum of what was received; the sender made one of what it sent.
        expect(basename(stored)).toBe(`${large.sha256()}.dcm`);
        expect(statSync(join(folder, 'objects', stored)).size).toBe(large.sizeBytes);
        expect(readdirSync(join(folder, 'staging'))).toEqual([]);
        expect(peakBytes - startBytes).toBeLessThan(250 * MIB);
      } finally {
        clearInterval(sampler);
        await serve.stop();
      }
    });
  },
);

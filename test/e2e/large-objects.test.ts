import { readdirSync, statfsSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { describe, expect, it } from 'vitest';

import { residentBytes } from '../../adapters/inference/resident-memory.js';
import { encodeElementHeader, EXPLICIT } from '../support/build-dicom.js';
import { CLOSE, MULTIPART, newChest, partHead } from '../support/chest-sender.js';
import { startServe } from '../support/preread-process.js';
import { fetchStudy } from '../support/study-api.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { tinyModel, writeModelFolder } from '../support/tiny-model.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const PIXEL_BYTES = 2 * GIB;
const BLOCK = Buffer.alloc(4 * MIB);
const { bavail, bsize } = statfsSync(tmpdir());
const diskTooSmall = bavail * bsize < 3 * PIXEL_BYTES;

/** A chest with so many bytes of zeros as Pixel Data, made while it is sent. */
function largeChest(pixelBytes: number) {
  const chest = newChest({}, { '7fe00010': ['OW', Buffer.alloc(0)] });
  // The empty Pixel Data element at the end (12 bytes) is replaced by a large one.
  const head = Buffer.concat([
    chest.bytes.subarray(0, -12),
    encodeElementHeader('7fe00010', 'OW', pixelBytes, EXPLICIT),
  ]);
  function* body(): Generator<Buffer> {
    yield partHead();
    yield head;
    for (let left = pixelBytes; left > 0; left -= BLOCK.length) {
      yield BLOCK.subarray(0, Math.min(left, BLOCK.length));
    }
    yield Buffer.from('\r\n');
    yield CLOSE;
  }
  return { ...chest, sizeBytes: head.length + pixelBytes, body };
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
  // A refusal may end the connection before the last byte.
  await Promise.all([answered, pipeline(Readable.from(body()), outgoing).catch(() => undefined)]);
  return answered;
}

describe.skipIf(diskTooSmall)(
  `objects of two gigabytes [${diskTooSmall ? `skipped: ${tmpdir()} has less than 6 GB` : 'sent'}]`,
  () => {
    it('are stored without growing the process, and beyond the limit refused with nothing left behind', async () => {
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
        const tooLarge = largeChest(PIXEL_BYTES + 2 * MIB);
        expect(await store(serve.url, tooLarge.body)).toBe(413);
        expect(await fetchStudy(serve.url, tooLarge.StudyInstanceUID)).toBeUndefined();
        expect(readdirSync(join(folder, 'staging'))).toEqual([]);
        const objects = readdirSync(join(folder, 'objects'), { recursive: true }).map(String);
        expect(objects.filter((name) => name.endsWith('.dcm'))).toHaveLength(1);
        expect(await fetchStudy(serve.url, large.StudyInstanceUID)).toBeDefined();
        expect(peakBytes - startBytes).toBeLessThan(250 * MIB);
      } finally {
        clearInterval(sampler);
        await serve.stop();
      }
    });
  },
);

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { UIDS } from '../support/build-dicom.js';
import { newChest } from '../support/chest-sender.js';
import { openPeer, storeChest } from '../support/dimse-peer.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { describeWithPeer } from '../support/peers.js';
import { startPostgres, type PostgresServer } from '../support/postgres-server.js';
import { startServe } from '../support/preread-process.js';
import { freezableDisk, freezingImpossible } from '../support/small-disk.js';
import { readyResult } from '../support/study-api.js';

const CR = UIDS.ComputedRadiographyImageStorage;
const CONTEXTS = [{ abstractSyntax: CR, transferSyntaxes: [UIDS.ExplicitVRLittleEndian] }];
const MANY = 12;

describeWithPeer('postgres', 'a share that hangs', (peer) => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgres(peer);
  });
  afterAll(() => postgres.stop());

  describe.skipIf(freezingImpossible)(`[${freezingImpossible ?? 'frozen'}]`, () => {
    it('is told to every sender and by readiness, stops nothing else, and all goes on when it answers', async () => {
      const disk = freezableDisk(64 * 1024 ** 2);
      const dimsePort = await freePort();
      const serve = await startServe({
        PREREAD_DATA_DIR: disk.folder,
        DATABASE_URL: await postgres.createDatabase(),
        PREREAD_DIMSE_PORT: `${dimsePort}`,
        PREREAD_STORAGE_TIMEOUT_MS: '1000',
        PREREAD_MIN_FREE_BYTES: '0',
        PREREAD_INFERENCE_PROCESSES: '1',
      });
      const status = async (path: string) => (await fetch(`${serve.url}${path}`)).status;
      const store = (bytes: Buffer) =>
        fetch(`${serve.url}/dicom-web/studies`, {
          method: 'POST',
          headers: { 'content-type': 'application/dicom' },
          body: bytes,
        });
      const storeByDimse = async () => {
        const association = await openPeer(dimsePort, CONTEXTS);
        const { Status } = await storeChest(association);
        await association.association.release();
        return Status;
      };
      try {
        const before = newChest();
        expect((await store(before.bytes)).status).toBe(200);
        await eventually(async () => {
          expect(await readyResult(serve.url, before.StudyInstanceUID)).toBeDefined();
        });

        disk.freeze();
        const chests = Array.from({ length: MANY }, () => newChest());
        const refused = await Promise.all(chests.map(({ bytes }) => store(bytes)));
        for (const answer of refused) {
          expect(answer.status).toBe(503);
          expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
        }
        expect(await storeByDimse()).toBe(0xa701);
        const readiness = await fetch(`${serve.url}/readyz`);
        expect(readiness.status).toBe(503);
        expect(await readiness.json()).toMatchObject({
          checks: expect.arrayContaining([
            { name: 'objects', ok: false, error: 'storage-unavailable' },
            { name: 'database', ok: true },
          ]) as unknown,
        });
        expect(await status('/healthz')).toBe(200);
        expect(await status('/metrics')).toBe(200);
        expect(await readyResult(serve.url, before.StudyInstanceUID)).toBeDefined();

        disk.thaw();
        await eventually(async () => {
          expect(await status('/readyz')).toBe(200);
        });
        for (const { bytes, StudyInstanceUID } of chests) {
          expect((await store(bytes)).status).toBe(200);
          await eventually(async () => {
            expect(await readyResult(serve.url, StudyInstanceUID)).toBeDefined();
          });
        }
        expect(await storeByDimse()).toBe(0);
        await eventually(() => {
          expect(readdirSync(join(disk.folder, 'staging'))).toEqual([]);
        });
      } finally {
        disk.thaw();
        await serve.stop();
      }
    });
  });
});

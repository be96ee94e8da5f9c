import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import pg from 'pg';
import { describe, expect, it } from 'vitest';

import { findDataSet } from '../../adapters/dicom/file-meta.js';
import { demoStudies } from '../../scripts/phantom/demo-studies.js';
import { UIDS } from '../support/build-dicom.js';
import {
  ACCESSION_NUMBER,
  newChest,
  newUid,
  PATIENT_ID,
  PATIENT_NAME,
} from '../support/chest-sender.js';
import type { ChestObject } from '../support/chest-sender.js';
import { openPeer } from '../support/dimse-peer.js';
import { eventually } from '../support/eventually.js';
import { describeWithPeer } from '../support/peers.js';
import { startPostgres } from '../support/postgres-server.js';
import { runPreread, startServe } from '../support/preread-process.js';
import { startRedis } from '../support/redis-server.js';
import { stow } from '../support/stow.js';
import { readyResult } from '../support/study-api.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';

const CR = UIDS.ComputedRadiographyImageStorage;
const LISTS = ['dead-letters', 'deliveries', 'worklist'];
const DICOM = { 'Content-Type': 'application/dicom' };

/** Everything in a file that names a patient or an object. */
function secretsOf(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes).toString('latin1');
  return [
    ...(text.match(/2\.25\.\d{10,}/g) ?? []),
    ...(text.match(/PHANTOM-\d+|PH\d{6}/g) ?? []),
    ...(text.includes(PATIENT_ID)
      ? [...PATIENT_NAME.split('^'), PATIENT_ID, ACCESSION_NUMBER]
      : []),
  ].filter((secret) => secret !== 'Tran'); // Too short a word not to occur by itself.
}

describeWithPeer('postgres', 'a full run', (postgresPeer) => {
  describeWithPeer('redis', 'over Redis', (redisPeer) => {
    it('by every road, with every kind of trouble, writes no patient data where none belongs', async () => {
      const postgres = await startPostgres(postgresPeer);
      const redis = await startRedis(redisPeer);
      const databaseUrl = await postgres.createDatabase();
      let webhookStatus = 500;
      const receiver = await startWebhookReceiver({ answer: () => webhookStatus });
      const folder = temporaryFolder();
      const serve = await startServe(
        {
          DATABASE_URL: databaseUrl,
          REDIS_URL: redis.url,
          PREREAD_DATA_DIR: temporaryFolder(),
          PREREAD_MIN_FREE_BYTES: '0',
          PREREAD_LOG_LEVEL: 'debug',
          PREREAD_WEBHOOK_URL: receiver.url,
          PREREAD_WEBHOOK_SECRET: receiver.secret,
          PREREAD_WEBHOOK_BODY: 'full',
          PREREAD_WATCH_SETTLE_MS: '100',
        },
        ['--dimse', '0', '--watch', folder],
      );
      const secrets = new Set<string>();
      /** Bodies and headers of answers about a request as a whole. */
      const answers: string[] = [];
      const note = (bytes: Uint8Array) => {
        secretsOf(bytes).forEach((secret) => secrets.add(secret));
      };
      const chest = (...args: Parameters<typeof newChest>): ChestObject => {
        const made = newChest(...args);
        note(made.bytes);
        return made;
      };
      async function ask(path: string, init: RequestInit = {}): Promise<number> {
        const response = await fetch(`${serve.url}${path}`, init);
        const body = await response.text();
        const isDataset = response.headers.get('content-type') === 'application/dicom+json';
        answers.push(JSON.stringify([...response.headers]), isDataset ? '' : body);
        return response.status;
      }

      try {
        // A radiograph that is analysed, by STOW-RS.
        const studies: string[] = [];
        for await (const study of demoStudies({
          seed: 'phi',
          count: 1,
          Rows: 256,
          Columns: 256,
        })) {
          const files = study.instances.map(({ bytes }) => bytes);
          files.forEach(note);
          studies.push(study.StudyInstanceUID);
          expect((await stow(serve.url, files)).status).toBe(200);
        }
        // By C-STORE: one stored, one refused, one broken off.
        const port = Number(/DIMSE on port (\d+)/.exec(serve.output())?.[1]);
        const peer = await openPeer(port, [
          { abstractSyntax: CR, transferSyntaxes: [UIDS.ExplicitVRLittleEndian] },
        ]);
        const context = peer.contextId(CR);
        const asObject = ({ SOPInstanceUID, bytes }: ChestObject) => ({
          SOPClassUID: CR,
          SOPInstanceUID,
          dataSet: bytes.subarray(findDataSet(bytes, false)?.offset ?? 0),
        });
        const byStore = chest();
        studies.push(byStore.StudyInstanceUID);
        expect((await peer.store(context, asObject(byStore))).Status).toBe(0);
        const wrong = { ...asObject(chest()), SOPInstanceUID: newUid() };
        secrets.add(wrong.SOPInstanceUID);
        expect((await peer.store(context, wrong)).Status).not.toBe(0);
        const large = chest({}, { '7fe00010': ['OW', Buffer.alloc(500_000)] });
        await peer.storeHalf(context, asObject(large));
        peer.socket.destroy();
        // By the folder: one stored, one refused, in files that are named after the patient.
        const byFolder = chest();
        studies.push(byFolder.StudyInstanceUID);
        mkdirSync(join(folder, PATIENT_NAME));
        writeFileSync(join(folder, PATIENT_NAME, `${PATIENT_ID}.dcm`), byFolder.bytes);
        const ct = chest({}, { '00080016': ['UI', '1.2.840.10008.5.1.4.1.1.2'] });
        writeFileSync(join(folder, `${PATIENT_ID}-ct.dcm`), ct.bytes);
        // Over HTTP, wrong in every way.
        const post = (bytes: Uint8Array, path = '/dicom-web/studies', headers = {}) =>
          ask(path, {
            method: 'POST',
            body: Buffer.from(bytes),
            headers: { ...DICOM, ...headers },
          });
        const known = chest();
        expect(await post(known.bytes)).toBe(200);
        studies.push(known.StudyInstanceUID);
        expect(await post(known.bytes)).toBe(200);
        const { StudyInstanceUID, SOPInstanceUID } = known;
        const conflict = chest({ StudyInstanceUID, SOPInstanceUID });
        expect(await post(conflict.bytes)).toBe(409);
        expect(await post(chest().bytes, `/dicom-web/studies/${StudyInstanceUID}`)).toBe(409);
        expect(await post(known.bytes.subarray(0, 500))).toBe(409);
        expect(await post(Buffer.from(PATIENT_NAME))).toBe(409);
        const oddHeaders = { 'X-Request-Id': SOPInstanceUID, 'Preread-Priority': PATIENT_ID };
        expect(await post(known.bytes, undefined, oddHeaders)).toBe(400);
        expect(await ask(`/api/v1/studies/${chest().StudyInstanceUID}`)).toBe(404);
        expect(await ask(`/api/v1/studies?cursor=${PATIENT_ID}`)).toBe(400);
        expect(await ask(`/api/v1/studies?${PATIENT_ID}=${SOPInstanceUID}`)).toBe(400);
        expect(await ask(`/dicom-web/studies/${StudyInstanceUID}/${PATIENT_ID}`)).toBe(404);
        expect(await ask(`/dicom-web/studies?PatientName=${PATIENT_NAME}`)).toBe(200);
        expect(await ask(`/dicom-web/studies/${StudyInstanceUID}/metadata`)).toBe(200);
        expect(await ask(`/dicom-web/studies/${chest().StudyInstanceUID}/metadata`)).toBe(404);
        for (const list of ['dicom-web/studies', ...LISTS.map((name) => `api/v1/${name}`)]) {
          expect(await ask(`/${list}?${PATIENT_ID}=${SOPInstanceUID}`)).toBe(400);
        }
        expect(await ask(`/${PATIENT_ID}`, { headers: { Authorization: PATIENT_ID } })).toBe(404);
        for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json']) {
          await ask(path);
        }
        await receiver.until(() => receiver.attempts >= 1, 'an attempt that fails');
        webhookStatus = 204;
        for (const uid of studies) {
          await eventually(
            async () => {
              expect(await readyResult(serve.url, uid)).toBeDefined();
            },
            { timeoutMs: 180_000 },
          );
        }
        await receiver.until(() => receiver.received.length >= 1, 'a message', 180_000);
      } finally {
        await serve.stop();
        await receiver.close();
      }

      const places: Record<string, string> = {
        'log and standard output': serve.output(),
        'answers of HTTP': answers.join('\n'),
        'Redis, every command': redis.written(),
        ...(await queueTables(databaseUrl)),
      };
      await redis.stop();
      await postgres.stop();
      expect(secrets.size).toBeGreaterThan(20);
      expect(places['Redis, every command']).toContain('instanceId');
      for (const [place, text] of Object.entries(places)) {
        const found = [...secrets].filter((secret) => text.includes(secret));
        expect(found, place).toEqual([]);
      }
    });
  });
});

/** Tables of the database that are no record of studies: payloads, errors, what BullMQ keeps. */
async function queueTables(url: string): Promise<Record<string, string>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) AS name
       FROM information_schema.tables
       WHERE (table_schema = 'bullmq' OR table_name = 'outbox') AND table_type = 'BASE TABLE'`,
    );
    const texts: Record<string, string> = {};
    for (const { name } of rows) {
      texts[name] = JSON.stringify((await client.query(`SELECT * FROM ${name}`)).rows);
    }
    const errors = await client.query('SELECT last_error FROM preread.deliveries');
    texts['errors of deliveries'] = JSON.stringify(errors.rows);
    return texts;
  } finally {
    await client.end();
  }
}

describe('preread watch', () => {
  it('sends the files of a folder to the server of this machine, without their names in its log', async () => {
    const [folder, dataFolder] = [temporaryFolder(), temporaryFolder()];
    const env = { PREREAD_DATA_DIR: dataFolder, PREREAD_MIN_FREE_BYTES: '0' };
    const chest = newChest();
    writeFileSync(join(folder, `${PATIENT_ID}.dcm`), chest.bytes);
    const serve = await startServe(env);
    const watching = runPreread(['watch', folder, '--keep'], {
      ...env,
      PREREAD_WATCH_SETTLE_MS: '100',
      PREREAD_LOG_LEVEL: 'debug',
    });
    try {
      await eventually(
        async () => {
          expect(await readyResult(serve.url, chest.StudyInstanceUID)).toBeDefined();
        },
        { timeoutMs: 120_000 },
      );
    } finally {
      watching.child.kill('SIGTERM');
      await serve.stop();
    }
    const { exitCode, output } = await watching;
    expect(exitCode, output).toBe(0);
    expect(output).not.toContain(PATIENT_ID);
    const absent = await runPreread(['watch', join(folder, 'absent')], env);
    expect(absent.exitCode).toBe(2);
  });
});

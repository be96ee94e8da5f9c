import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { packageRoot } from '../../adapters/process/package-info.js';
import { demoStudies, type DemoStudy } from '../../scripts/phantom/demo-studies.js';
import { eventually } from '../support/eventually.js';
import { describeWithPeer } from '../support/peers.js';
import { startPostgres, type PostgresServer } from '../support/postgres-server.js';
import { startServe, type PrereadProcess } from '../support/preread-process.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { stow } from '../support/stow.js';
import { readyResult } from '../support/study-api.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';

const COMMON = { PREREAD_MIN_FREE_BYTES: '0', PREREAD_INFERENCE_PROCESSES: '1' };

/** The blocks of commands of docs/operations/backup.md, to be run as they stand there. */
const COMMANDS = [
  ...readFileSync(join(packageRoot, 'docs/operations/backup.md'), 'utf8').matchAll(
    /^```\n(.*?)^```$/gms,
  ),
].map(([, block]) => block!);

describe('a backup of the embedded set-up', () => {
  it('is a copy of the stopped data folder, and what waited in it is done after the restoration', async () => {
    const [done, waiting, later] = await studies('backup-embedded', 3);
    const folder = temporaryFolder();
    const env = { ...COMMON, PREREAD_DATA_DIR: join(folder, 'preread-data') };
    const shell = shellIn(folder, temporaryFolder());
    const [backup, restore] = COMMANDS;
    const serve = await startServe(env);
    await send(serve, done!);
    const before = await resultOf(serve, done!);
    await send(serve, waiting!);
    expect(await serve.stop()).toBe(0);
    shell(backup!);
    rmSync(env.PREREAD_DATA_DIR, { recursive: true });

    shell(restore!);
    const restored = await started(env);
    expect(await resultOf(restored, done!)).toEqual(before);
    await resultOf(restored, waiting!);
    await send(restored, later!);
    await resultOf(restored, later!);
  });

  it('is rebuilt from the images alone when nothing else is left', async () => {
    const [first] = await studies('backup-objects', 1);
    const folder = join(temporaryFolder(), 'data');
    const serve = await startServe({ ...COMMON, PREREAD_DATA_DIR: folder });
    await send(serve, first!);
    await resultOf(serve, first!);
    // While it runs: an object never changes.
    const copy = join(temporaryFolder(), 'restored');
    cpSync(join(folder, 'objects'), join(copy, 'objects'), { recursive: true });
    await serve.stop();

    const restored = await started({ ...COMMON, PREREAD_DATA_DIR: copy });
    await resultOf(restored, first!);
  });
});

describeWithPeer('postgres', 'a backup of the production set-up', (peer) => {
  describeWithPeer('redis', 'with Redis', (redisPeer) => {
    let postgres: PostgresServer;
    let redis: RedisServer;
    beforeAll(async () => {
      postgres = await startPostgres(peer);
      redis = await startRedis(redisPeer);
    });
    afterAll(async () => {
      await redis.stop();
      await postgres.stop();
    });

    it('is a dump and then a copy of the images, while everything runs; the queue is filled from it again', async () => {
      const [done, waiting, between, later] = await studies('backup-production', 4);
      const receiver = await startWebhookReceiver();
      onTestFinished(() => receiver.close());
      const folder = temporaryFolder();
      const env = {
        ...COMMON,
        PREREAD_DATA_DIR: join(folder, 'preread-data'),
        DATABASE_URL: await postgres.createDatabase(),
        REDIS_URL: redis.url,
        PREREAD_WEBHOOK_URL: receiver.url,
        PREREAD_WEBHOOK_SECRET: receiver.secret,
        PREREAD_WEBHOOK_BODY: 'full',
      };
      const tools = dirname(peer.program('pg_dump'));
      const backups = temporaryFolder();
      const [dumpDatabase, copyImages] = lines(COMMANDS[2]!);
      const FRONT = ['--role', 'ingest', '--role', 'assemble', '--role', 'delivery'];
      const front = await startServe(env, FRONT);
      const worker = await startServe(env, ['--role', 'inference']);
      await send(front, done!);
      const before = await resultOf(front, done!);
      await receiver.until(() => receiver.received.length === 1, 'the first result');
      await worker.stop();
      // Is in the queue, and nobody works on it.
      await send(front, waiting!);

      const shell = shellIn(folder, backups, { ...env, tools });
      shell(dumpDatabase!);
      // Is among the images and not in the dump.
      await send(front, between!);
      shell(copyImages!);
      await front.kill();
      rmSync(env.PREREAD_DATA_DIR, { recursive: true });

      const empty = { ...env, DATABASE_URL: await postgres.createDatabase() };
      shellIn(folder, backups, { ...empty, tools })(COMMANDS[3]!);
      const restored = await started(empty);
      expect(await resultOf(restored, done!)).toEqual(before);
      await resultOf(restored, waiting!);
      await resultOf(restored, between!);
      await send(restored, later!);
      await resultOf(restored, later!);
      await receiver.until(() => receiver.received.length >= 4, 'the results');
      const told = receiver.received.map(({ message }) => message.data.StudyInstanceUID);
      expect(told.sort()).toEqual(
        [done!, waiting!, between!, later!].map(({ StudyInstanceUID }) => StudyInstanceUID).sort(),
      );
    });
  });
});

async function started(env: Readonly<Record<string, string>>): Promise<PrereadProcess> {
  const serve = await startServe(env);
  onTestFinished(async () => {
    await serve.stop();
  });
  return serve;
}

/** Runs commands of the document; `/backup` is another folder here. */
function shellIn(
  cwd: string,
  backups: string,
  { tools, ...env }: { readonly tools?: string } & Readonly<Record<string, string>> = {},
): (commands: string) => void {
  const PATH = [tools, process.env['PATH']].filter((part) => part !== undefined).join(delimiter);
  return (commands) => {
    const here = commands.replaceAll('/backup', backups);
    execFileSync('bash', ['-euc', here], { cwd, env: { ...env, PATH } });
  };
}

function lines(commands: string): string[] {
  return commands.split('\n').filter((line) => line !== '');
}

async function studies(seed: string, count: number): Promise<DemoStudy[]> {
  const all = [];
  for await (const study of demoStudies({ seed, count, Rows: 256, Columns: 256 })) {
    all.push(study);
  }
  return all;
}

async function send({ url }: PrereadProcess, { instances }: DemoStudy): Promise<void> {
  const { status } = await stow(
    url,
    instances.map(({ bytes }) => bytes),
  );
  expect(status).toBe(200);
}

/** The result, when each image that was acknowledged has its one outcome in it. */
function resultOf({ url }: PrereadProcess, { StudyInstanceUID, instances }: DemoStudy) {
  return eventually(
    async () => {
      const result = await readyResult(url, StudyInstanceUID);
      const analysed = result?.instances.map(({ SOPInstanceUID }) => SOPInstanceUID);
      expect(analysed?.sort()).toEqual(instances.map((sent) => sent.SOPInstanceUID).sort());
      return result;
    },
    { timeoutMs: 120_000, intervalMs: 100 },
  );
}

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { writeGreyImages } from '../support/grey-images.js';
import { eventually } from '../support/eventually.js';
import { describeWithPeer } from '../support/peers.js';
import { startPostgres, type PostgresServer } from '../support/postgres-server.js';
import { runPreread, startServe, type PrereadProcess } from '../support/preread-process.js';
import { tinyModel, writeModelFolder } from '../support/tiny-model.js';

const IMAGES = 400;
/** Where rows are looked for while a run is under way. */
const SOME_ROWS_BYTES = 2_000;

describeWithPeer('postgres', 'an archive scored by a fleet', (peer) => {
  const root = mkdtempSync(join(tmpdir(), 'preread-fleet-'));
  const newFolder = () => mkdtempSync(join(root, 'folder-'));
  let postgres: PostgresServer;
  let archive: string;
  let model: string;
  let expected: string;
  let env: Record<string, string>;
  let out: string;
  let workers: PrereadProcess[];

  beforeAll(async () => {
    postgres = await startPostgres(peer);
    archive = newFolder();
    model = await writeModelFolder(newFolder(), tinyModel());
    mkdirSync(join(archive, 'b'));
    const [first] = await writeGreyImages(archive, IMAGES, { size: 128 });
    await writeGreyImages(join(archive, 'b'), 2, { size: 256 });
    copyFileSync(join(import.meta.dirname, 'score-distributed.test.ts'), `${first}.txt`);
    out = join(newFolder(), 'local.csv');
    const local = await runPreread(['score', archive, '--out', out, '--model', model]);
    expect(local.exitCode, local.output).toBe(0);
    expected = readFileSync(out, 'utf8');
  });
  afterAll(async () => {
    await postgres.stop();
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  });

  beforeEach(async () => {
    workers = [];
    out = join(newFolder(), 'scores.csv');
    env = {
      DATABASE_URL: await postgres.createDatabase(),
      PREREAD_DATA_DIR: newFolder(),
      PREREAD_ARCHIVE_DIR: archive,
      PREREAD_MODEL: model,
      PREREAD_MIN_FREE_BYTES: '0',
      PREREAD_INFERENCE_PROCESSES: '1',
    };
  });
  afterEach(async () => {
    for (const worker of workers) {
      await worker.stop();
    }
  });

  async function startWorker(more: Readonly<Record<string, string>> = {}): Promise<PrereadProcess> {
    const worker = await startServe({ ...env, ...more }, ['--role', 'inference']);
    workers.push(worker);
    return worker;
  }

  const collect = (...flags: readonly string[]) =>
    runPreread(['score', archive, '--out', out, '--distributed', ...flags], env);

  async function someRows(): Promise<void> {
    await eventually(() => {
      expect(existsSync(out) && statSync(out).size).toBeGreaterThan(SOME_ROWS_BYTES);
    });
  }

  it('gives the same bytes as a local run, from two workers', async () => {
    await startWorker();
    await startWorker();
    const { exitCode, output } = await collect();
    expect(exitCode, output).toBe(0);
    expect(output).toMatch(/tiny@1\.0\.0.*2 workers/);
    expect(readFileSync(out, 'utf8')).toBe(expected);
  });

  it('loses nothing when one worker is killed, and a third one comes', async () => {
    const doomed = await startWorker();
    await startWorker();
    const run = collect();
    await someRows();
    await doomed.kill();
    await startWorker();
    const { exitCode, output } = await run;
    expect(exitCode, output).toBe(0);
    expect(readFileSync(out, 'utf8')).toBe(expected);
  });

  it('goes on where a killed collector has stopped, and forgets what that one had asked for', async () => {
    await startWorker();
    const killed = collect();
    await someRows();
    killed.child.kill('SIGKILL');
    await killed;
    const { exitCode, output } = await collect('--resume');
    expect(exitCode, output).toBe(0);
    expect(output).toMatch(/Resuming behind \d+ finished rows/);
    expect(readFileSync(out, 'utf8')).toBe(expected);
  });

  it('stops on Ctrl-C with whole rows, waits for a worker, and tells so', async () => {
    const worker = await startWorker();
    const interrupted = collect();
    await someRows();
    interrupted.child.kill('SIGINT');
    expect((await interrupted).exitCode).toBe(130);
    const resumed = collect('--resume');
    let text = '';
    resumed.child.stderr!.on('data', (chunk: string) => (text += chunk));
    await eventually(() => {
      expect(text).toMatch(/Resuming/);
    });
    await worker.stop();
    await eventually(
      () => {
        expect(text).toMatch(/waiting for one/);
      },
      { timeoutMs: 60_000 },
    );
    await startWorker();
    expect((await resumed).exitCode).toBe(0);
    expect(readFileSync(out, 'utf8')).toBe(expected);
  });

  it('mixes no models: it asks which one, and only workers of that one get files', async () => {
    const other = await writeModelFolder(
      newFolder(),
      tinyModel({ version: '1.1.0', findings: ['Mass'] }),
    );
    await startWorker();
    await startWorker({ PREREAD_MODEL: other });
    const unclear = await collect();
    expect(unclear.exitCode).toBe(2);
    expect(unclear.output).toMatch(/tiny@1\.0\.0.*tiny@1\.1\.0|tiny@1\.1\.0.*tiny@1\.0\.0/);
    const { exitCode, output } = await collect('--model', 'tiny@1.0.0');
    expect(exitCode, output).toBe(0);
    expect(readFileSync(out, 'utf8')).toBe(expected);
  });

  it('says what is missing: workers, the shared folder, a database', async () => {
    expect((await collect()).output).toMatch(/No worker offers to score archives/);
    await startWorker({ PREREAD_ARCHIVE_DIR: newFolder() });
    const unmounted = await collect();
    expect(unmounted.exitCode).toBe(1);
    expect(unmounted.output).toMatch(/the same folder on every worker/);
    rmSync(out, { force: true });
    const outside = await runPreread(['score', newFolder(), '--out', out, '--distributed'], env);
    expect(outside.output).toMatch(/must lie in PREREAD_ARCHIVE_DIR/);
    const alone = await runPreread(['score', archive, '--out', out, '--distributed']);
    expect(alone.output).toMatch(/needs DATABASE_URL/);
    const local = await collect('--concurrency', '2');
    expect(local.output).toMatch(/leave out --concurrency/);
  });
});

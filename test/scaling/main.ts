/**
 * `npm run bench:scaling`: how throughput grows with inference workers of one process each, on this machine, over
 * PostgreSQL and Redis: whole studies from STOW-RS to webhook, and an archive by `preread score --distributed`.
 * It says what each part costs in CPU time, which is what a larger installation is planned with.
 */
import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { ORIGINAL_UIDS, studyCopier } from '../../cli/bench/study-copies.js';
import { wrapGreyImage } from '../../scripts/phantom/phantom-dicom.js';
import { createRandom } from '../../scripts/phantom/random.js';
import { thoraxPhantom } from '../../scripts/phantom/thorax-phantom.js';
import { peer, type Peer, type PeerName } from '../support/peers.js';
import { startPostgres } from '../support/postgres-server.js';
import { runPreread, startServe, type PrereadProcess } from '../support/preread-process.js';
import { startRedis } from '../support/redis-server.js';
import { stow } from '../support/stow.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';
import { machineCpuSeconds, treeCpuSeconds } from './cpu-time.js';

const WORKERS = [1, 2, 4];
/** Requests under way at once. */
const SENDERS = 6;
const OURS = ['workers', 'front', 'database', 'queue', 'sender'] as const;
const WARM_UP_STUDIES = 6;
/** A detector of 35 by 43 cm with 143 micrometres a pixel. */
const SIZE = { Rows: 3000, Columns: 2500 };

const { values } = parseArgs({
  options: {
    studies: { type: 'string', default: '90' },
    files: { type: 'string', default: '400' },
    model: { type: 'string' },
  },
});
const studies = Number(values.studies);
const files = Number(values.files);

const root = mkdtempSync(join(tmpdir(), 'preread-scaling-'));
const postgres = await startPostgres(present('postgres'));
const redis = await startRedis(present('redis'));
const receiver = await startWebhookReceiver();
const path = join(root, 'study.dcm');
writeFileSync(
  path,
  wrapGreyImage(thoraxPhantom(createRandom('scaling'), SIZE), {
    BodyPartExamined: 'CHEST',
    ViewPosition: 'PA',
    PatientAge: '050Y',
    ...ORIGINAL_UIDS,
  }),
);
const archive = join(root, 'archive');
mkdirSync(archive);
for (let index = 0; index < files; index += 1) {
  linkSync(path, join(archive, `${index}.dcm`));
}
const copier = await studyCopier(path);
let serial = 0;

console.log(
  `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.versions.node}; raw 12-bit ${SIZE.Columns}x${SIZE.Rows}`,
);
console.log(
  'CPU ms of a study, by who spends it; "not ours" is what else the machine did meanwhile:',
);
console.log(
  'workers  studies/s    worker     front  database     queue    sender  not ours  cores busy',
);
try {
  for (const count of WORKERS) {
    await withFleet(count, async (front, workers) => {
      await sendStudies(front, WARM_UP_STUDIES);
      const before = used(front, workers);
      const startMs = performance.now();
      await sendStudies(front, studies);
      const seconds = (performance.now() - startMs) / 1000;
      const after = used(front, workers);
      const spent = (name: keyof typeof after): number => after[name] - before[name];
      const ours = OURS.reduce((sum, name) => sum + spent(name), 0);
      const parts = [...OURS.map(spent), spent('machine') - ours];
      const cells = parts.map((value) => ((value * 1000) / studies).toFixed(1).padStart(10));
      const rate = (studies / seconds).toFixed(1).padStart(9);
      const busy = (spent('machine') / seconds).toFixed(2).padStart(12);
      console.log(`${String(count).padEnd(8)}${rate}${cells.join('')}${busy}`);
    });
  }
  console.log('workers  files/s of an archive (score --distributed)');
  for (const count of WORKERS) {
    await withFleet(count, async (_front, _workers, env) => {
      const out = join(root, `scores-${count}.csv`);
      const startMs = performance.now();
      const { exitCode, output } = await runPreread(
        ['score', archive, '--out', out, '--distributed'],
        env,
      );
      if (exitCode !== 0) {
        throw new Error(output);
      }
      const seconds = (performance.now() - startMs) / 1000;
      console.log(`${String(count).padEnd(8)} ${(files / seconds).toFixed(1)}`);
    });
  }
} finally {
  await receiver.close();
  await redis.stop();
  await postgres.stop();
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
}

function used(front: PrereadProcess, workers: readonly PrereadProcess[]) {
  const own = process.cpuUsage();
  return {
    front: treeCpuSeconds(front.child.pid ?? 0),
    workers: workers.reduce((sum, { child }) => sum + treeCpuSeconds(child.pid ?? 0), 0),
    database: treeCpuSeconds(postgres.pid),
    queue: treeCpuSeconds(redis.pid),
    sender: (own.user + own.system) / 1e6,
    machine: machineCpuSeconds(),
  };
}

async function withFleet(
  count: number,
  use: (
    front: PrereadProcess,
    workers: readonly PrereadProcess[],
    env: Readonly<Record<string, string>>,
  ) => Promise<void>,
): Promise<void> {
  const env = {
    DATABASE_URL: await postgres.createDatabase(),
    REDIS_URL: redis.url,
    QUEUE_PREFIX: `scaling-${count}-${performance.now().toFixed(0)}`,
    PREREAD_DATA_DIR: mkdtempSync(join(root, 'data-')),
    PREREAD_ARCHIVE_DIR: archive,
    PREREAD_WEBHOOK_URL: receiver.url,
    PREREAD_WEBHOOK_SECRET: receiver.secret,
    PREREAD_WEBHOOK_BODY: 'full',
    PREREAD_LOG_LEVEL: 'error',
    PREREAD_INFERENCE_PROCESSES: '1',
    ...(values.model !== undefined && { PREREAD_MODEL: values.model }),
  };
  const started: PrereadProcess[] = [];
  try {
    const front = await startServe(env, ['--role', 'ingest,assemble,delivery']);
    started.push(front);
    const workers = [];
    for (let index = 0; index < count; index += 1) {
      const worker = await startServe(env, ['--role', 'inference']);
      workers.push(worker);
      started.push(worker);
    }
    await use(front, workers, env);
  } finally {
    for (const each of started.reverse()) {
      await each.stop();
    }
    rmSync(env.PREREAD_DATA_DIR, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Resolves when each has come back as a message. */
async function sendStudies(front: PrereadProcess, count: number): Promise<void> {
  const messages = receiver.received.length + count;
  let left = count;
  async function send(): Promise<void> {
    const copy = copier();
    while (left > 0) {
      left -= 1;
      serial += 1;
      const { status } = await stow(front.url, [copy(serial).bytes]);
      if (status !== 200) {
        throw new Error(`a study was answered with ${status}`);
      }
    }
  }
  await Promise.all(Array.from({ length: SENDERS }, send));
  await receiver.until(() => receiver.received.length >= messages, 'the messages', 300_000);
}

function present(name: PeerName): Peer {
  const state = peer(name);
  if (state.kind === 'absent') {
    throw new Error(state.reason);
  }
  return state.peer;
}

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { createRandom } from '../../scripts/phantom/random.js';
import { createChestImages } from './chest-images.js';
import { createDisk } from './disk.js';
import { breakThings } from './faults.js';
import { createLedger } from './ledger.js';
import { startLoad, type Load } from './load.js';
import { storeRoad, stowRoad } from './senders.js';
import { startSystem, type Backend } from './system.js';
import { startUnreliableReceiver, type UnreliableReceiver } from './unreliable-receiver.js';
import { drain, verify, type Verdict } from './verify.js';

export interface ChaosOptions {
  readonly backend: Backend;
  readonly seed: string;
  readonly kills: number;
  readonly onProgress?: (line: string) => void;
}

export interface ChaosReport {
  readonly options: ChaosOptions;
  readonly seconds: number;
  readonly faults: ReadonlyMap<string, number>;
  readonly load: Load['counts'];
  readonly receiver: UnreliableReceiver['counts'];
  readonly verdict: Verdict;
  /** Last words of processes that ended by themselves; a supervisor has started them again. */
  readonly ownEnds: readonly string[];
}

/** Share of the C-STORE requests whose sender cuts the line before the answer. */
const BROKEN_OFF = 0.05;
const DISK_BYTES = 3 * 1024 ** 3;
/** Longer than the pause between the second and the third attempt of a delivery. */
const DRAIN_LIMIT_MS = 8 * 60_000;

/** Load, faults, rest, judgement. The seed decides the faults and the load; the machine decides their timing. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { backend, seed, kills, onProgress = () => undefined } = options;
  const random = createRandom(seed);
  const ledger = createLedger();
  const disk = createDisk(DISK_BYTES);
  const receiver = await startUnreliableReceiver(random.fork('receiver'), ledger);
  const system = await startSystem(backend, {
    PREREAD_DATA_DIR: disk.dataFolder,
    PREREAD_WEBHOOK_URL: receiver.url,
    PREREAD_WEBHOOK_SECRET: receiver.secret,
    PREREAD_WEBHOOK_TIMEOUT_MS: '4000',
    PREREAD_WEBHOOK_BODY: 'full',
    PREREAD_MIN_FREE_BYTES: String(16 * 1024 ** 2),
    PREREAD_INFERENCE_PROCESSES: '1',
    PREREAD_LOG_LEVEL: 'warn',
  });
  const startedAtMs = Date.now();
  try {
    await system.whenReady();
    const sender = random.fork('sender');
    const load = startLoad({
      roads: [
        stowRoad(system.url),
        storeRoad(system.dimsePort, () => sender.uniform() < BROKEN_OFF),
      ],
      imageOf: createChestImages(seed),
      random: random.fork('load'),
      ledger,
      senders: 3,
      pauseMs: 900,
    });
    let struck = 0;
    const faults = await breakThings(system, disk, {
      kills,
      random: random.fork('faults'),
      onFault(name) {
        struck += 1;
        onProgress(`${struck}: ${name}; ${load.counts.studies} studies sent`);
      },
    });
    await load.stop();
    onProgress('no more faults, no more studies: draining');
    await system.whenReady();
    await drain(system.url, ledger, DRAIN_LIMIT_MS);
    const verdict = await verify(system.url, ledger);
    const violations = [...verdict.violations];
    const codes = await system.stop();
    for (const [name, code] of Object.entries(codes)) {
      if (code !== 0) {
        violations.push(`${name} did not stop by itself but with ${code ?? 'a signal'}`);
      }
    }
    const staged = await readdir(join(disk.dataFolder, 'staging'));
    if (backend === 'embedded' && staged.length > 0) {
      violations.push(`${staged.length} files stayed half received`);
    }
    return {
      options,
      seconds: Math.round((Date.now() - startedAtMs) / 1000),
      faults,
      load: load.counts,
      receiver: receiver.counts,
      verdict: { ...verdict, violations },
      ownEnds: system.processes.flatMap(({ name, ownEnds }) =>
        ownEnds.map((words) => `${name}: ${words}`),
      ),
    };
  } finally {
    await system.stop();
    await receiver.close();
    disk.remove();
  }
}

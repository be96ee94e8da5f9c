import { setTimeout as sleep } from 'node:timers/promises';

import type { Random } from '../../scripts/phantom/random.js';
import { eventually } from '../support/eventually.js';
import type { Disk } from './disk.js';
import type { System } from './system.js';

/** One way of breaking the system. Resolves when it has been done, not when the system has recovered. */
interface Fault {
  readonly name: string;
  /** How often it is drawn, compared with the others. */
  readonly weight: number;
  readonly kills: boolean;
  /** False when there is nothing to break at the moment. */
  strike(): Promise<boolean>;
}

export interface FaultOptions {
  readonly kills: number;
  readonly random: Random;
  readonly onFault: (name: string) => void;
}

const DOWN_MS = [50, 2_000] as const;
const PAUSE_MS = [500, 4_000] as const;
const BETWEEN_MS = [200, 3_500] as const;

/** Strikes at random moments until so many processes have been killed. Returns how often each fault struck. */
export async function breakThings(
  system: System,
  disk: Disk,
  { kills, random, onFault }: FaultOptions,
): Promise<ReadonlyMap<string, number>> {
  const faults = faultsOf(system, disk, random);
  const counts = new Map<string, number>();
  for (let killed = 0; killed < kills;) {
    await sleep(random.between(...BETWEEN_MS));
    if (random.uniform() < 0.5) {
      // Half of the time the next fault may hit a system that has not recovered from the last one.
      await system.whenReady();
    }
    const fault = draw(faults, random);
    if (await fault.strike()) {
      counts.set(fault.name, (counts.get(fault.name) ?? 0) + 1);
      onFault(fault.name);
      killed += fault.kills ? 1 : 0;
    }
  }
  return counts;
}

function faultsOf(system: System, disk: Disk, random: Random): readonly Fault[] {
  const faults: Fault[] = [];
  for (const process of system.processes) {
    faults.push({
      name: `kill ${process.name}`,
      weight: 4,
      kills: true,
      async strike() {
        const alive = process.pid !== undefined;
        await process.kill();
        return alive;
      },
    });
    faults.push({
      name: `pause ${process.name}`,
      weight: 0.5,
      kills: false,
      strike: () => freeze(process.pid, random),
    });
  }
  faults.push({
    name: 'kill an inference child',
    weight: 4,
    kills: true,
    strike: () => {
      const children = system.processes.flatMap((process) => process.children());
      const child = children[Math.floor(random.uniform() * children.length)];
      return Promise.resolve(child !== undefined && signal(child, 'SIGKILL'));
    },
  });
  const { redis, postgres } = system;
  if (redis !== undefined) {
    faults.push({
      name: 'kill redis and take its data away',
      weight: 1.5,
      kills: true,
      strike: () =>
        restart({ kill: () => redis.kill(), restart: () => redis.restartEmpty() }, random),
    });
    faults.push({
      name: 'kill redis',
      weight: 3,
      kills: true,
      strike: () => restart(redis, random),
    });
  }
  if (postgres !== undefined) {
    faults.push({
      name: 'kill postgres',
      weight: 3,
      kills: true,
      strike: () => restart(postgres, random),
    });
  }
  if (disk.canBeFilled) {
    faults.push({
      name: 'fill the disk',
      weight: 0.7,
      kills: false,
      async strike() {
        await disk.fill();
        await sleep(random.between(...PAUSE_MS));
        await disk.relieve();
        return true;
      },
    });
  }
  return faults;
}

async function restart(
  server: { kill(): Promise<void>; restart(): Promise<void> },
  random: Random,
): Promise<boolean> {
  await server.kill();
  await sleep(random.between(...DOWN_MS));
  // Orphaned processes of the killed one may still hold its data for a moment.
  await eventually(() => server.restart(), { timeoutMs: 60_000, intervalMs: 500 });
  return true;
}

async function freeze(pid: number | undefined, random: Random): Promise<boolean> {
  if (pid === undefined || !signal(pid, 'SIGSTOP')) {
    return false;
  }
  await sleep(random.between(...PAUSE_MS));
  signal(pid, 'SIGCONT');
  return true;
}

/** False when the process has gone meanwhile. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

function draw(faults: readonly Fault[], random: Random): Fault {
  let left = random.uniform() * faults.reduce((sum, { weight }) => sum + weight, 0);
  for (const fault of faults) {
    left -= fault.weight;
    if (left < 0) {
      return fault;
    }
  }
  return faults[0]!;
}

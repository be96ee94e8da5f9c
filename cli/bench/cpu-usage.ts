import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ: the unit of /proc, 100 a second on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface CpuUsage {
  /** Seconds that the given processes have used. */
  readonly ownSeconds: number;
  /** Seconds that the whole machine has been busy. */
  readonly busySeconds: number;
}

/** CPU time so far. Linux only: elsewhere all is 0, and no noise is seen. */
export function readCpuUsage(pids: readonly number[]): CpuUsage {
  try {
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] =
      readFileSync('/proc/stat', 'utf8')
        .split('\n', 1)[0]
        ?.trim()
        .split(/\s+/)
        .slice(1)
        .map(Number) ?? [];
    const busy = user + nice + system + irq + softirq;
    const own = pids.reduce((sum, pid) => sum + processTicks(pid), 0);
    return { ownSeconds: own / TICKS_PER_SECOND, busySeconds: busy / TICKS_PER_SECOND };
  } catch {
    return { ownSeconds: 0, busySeconds: 0 };
  }
}

/** Processor time so far of a process and its living children. 0 where there is no Linux. */
export function processTreeCpuSeconds(pid: number): number {
  try {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' '),
    );
    return readCpuUsage([pid, ...children.filter((child) => child !== '').map(Number)]).ownSeconds;
  } catch {
    return 0;
  }
}

/** Fields 14 and 15 of /proc/PID/stat, counted behind the name, which may hold spaces. */
function processTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks of /proc are hundredths of a second on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU seconds that a process and its living descendants have used (Linux). */
export function treeCpuSeconds(pid: number): number {
  const stats = new Map<number, { readonly parent: number; readonly seconds: number }>();
  for (const name of readdirSync('/proc')) {
    if (/^\d+$/.test(name)) {
      const stat = statOf(Number(name));
      if (stat !== undefined) {
        stats.set(Number(name), stat);
      }
    }
  }
  const isBelow = (child: number): boolean => {
    const parent = stats.get(child)?.parent;
    return child === pid || (parent !== undefined && parent > 1 && isBelow(parent));
  };
  return [...stats]
    .filter(([child]) => isBelow(child))
    .reduce((sum, [, { seconds }]) => sum + seconds, 0);
}

/** CPU seconds of the whole machine that were not idle. */
export function machineCpuSeconds(): number {
  const [first = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = first
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softIrq) / TICKS_PER_SECOND;
}

function statOf(pid: number): { parent: number; seconds: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name, in brackets, may hold spaces. Source: proc(5), fields 4, 14 and 15.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [parent, utime, stime] = [fields[1], fields[11], fields[12]].map(Number);
    return { parent: parent ?? 0, seconds: ((utime ?? 0) + (stime ?? 0)) / TICKS_PER_SECOND };
  } catch {
    return undefined;
  }
}

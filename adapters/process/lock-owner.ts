import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

import { z } from 'zod';

/** Who holds a lock, as written beside it. */
export const lockOwnerSchema = z.object({
  pid: z.int().positive(),
  host: z.string(),
  /** Start of the process in clock ticks since boot, together with `pid` unique until the next boot. */
  startTicks: z.string().optional(),
  bootId: z.string().optional(),
});

export type LockOwner = z.infer<typeof lockOwnerSchema>;

export function thisProcess(): LockOwner {
  return {
    pid: process.pid,
    host: hostname(),
    startTicks: startTicks(process.pid),
    bootId: bootId(),
  };
}

export function isThisProcess({ pid, host, startTicks: ticks }: LockOwner): boolean {
  const self = thisProcess();
  return pid === self.pid && host === self.host && ticks === self.startTicks;
}

/** `unknown` for a process of another host, and where the system does not tell (outside Linux). */
export function ownerState(owner: LockOwner): 'alive' | 'dead' | 'unknown' {
  const self = thisProcess();
  if (owner.host !== self.host || self.bootId === undefined || owner.startTicks === undefined) {
    return 'unknown';
  }
  const alive = owner.bootId === self.bootId && owner.startTicks === startTicks(owner.pid);
  return alive ? 'alive' : 'dead';
}

/** Field 22 of proc(5)'s /proc/PID/stat; a killed parent's zombie does not count as running. */
function startTicks(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses, which may contain anything.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' ? undefined : fields[19];
}

function bootId(): string | undefined {
  return readText('/proc/sys/kernel/random/boot_id')?.trim();
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

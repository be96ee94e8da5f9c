import { readFileSync } from 'node:fs';

/**
 * Resident memory of another process, in bytes. Undefined where there is no /proc (other systems than
 * Linux) and for a process that has ended. A read of /proc takes about 10 microseconds and never waits.
 */
export function residentBytes(pid: number): number | undefined {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return undefined;
  }
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

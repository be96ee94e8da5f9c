import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { packageRoot } from '../../adapters/process/package-info.js';
import { describeWithPeer } from '../support/peers.js';

/**
 * What reached the operating system, in its order: the database's log written and synced, its other files written or
 * synced, and lines of the writer.
 */
type Event = 'written' | 'synced' | 'elsewhere' | { readonly line: string };

function eventsOf(trace: string): Event[] {
  const events: Event[] = [];
  for (const call of trace.split('\n')) {
    const line = /write\(1(?:<[^>]*>)?, "(.*)\\n"/.exec(call)?.[1];
    if (line !== undefined) {
      events.push({ line });
    } else if (call.includes('/pg_wal/')) {
      events.push(call.includes('fsync(') ? 'synced' : 'written');
    } else if (call.includes('/data/database/')) {
      events.push('elsewhere');
    }
  }
  return events;
}

/** For each of these events whether, when it came, something of the log was not on the disk. */
function owedAt(events: readonly Event[], name: string): boolean[] {
  let owed = false;
  const found: boolean[] = [];
  for (const event of events) {
    if (event === 'written' || event === 'synced') {
      owed = event === 'written';
    } else if (event === name || (event !== 'elsewhere' && event.line === name)) {
      found.push(owed);
    }
  }
  return found;
}

describeWithPeer(
  'strace',
  'commits of the embedded database, as the operating system sees them',
  (peer) => {
    const folder = mkdtempSync(join(tmpdir(), 'preread-durability-'));
    let events: Event[];
    const at = (line: string): number =>
      events.findIndex((event) => typeof event === 'object' && event.line === line);

    beforeAll(() => {
      const trace = join(folder, 'trace');
      const script = join(packageRoot, 'test', 'support', 'committing-writer.ts');
      const { status, stderr } = spawnSync(
        peer.program('strace'),
        [
          ...['-f', '-y', '-s', '64', '-e', 'trace=fsync,pwrite64,write', '-o', trace],
          ...[process.execPath, '--import', 'tsx', script, join(folder, 'data')],
        ],
        { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' },
      );
      expect(status, stderr).toBe(0);
      events = eventsOf(readFileSync(trace, 'utf8'));
    }, 120_000);

    afterAll(() => {
      rmSync(folder, { recursive: true, force: true });
    });

    it('answers no commit before its log is on the disk', () => {
      const owed = owedAt(events, 'alone');
      expect(owed).toHaveLength(20);
      expect(owed).not.toContain(true);
      const syncs = events.slice(at('alone'), at('together begins')).filter((e) => e === 'synced');
      expect(syncs.length).toBeGreaterThanOrEqual(19);
    });

    it('writes no page before the log of its change is on the disk', () => {
      const owed = owedAt(events.slice(at('warm begins')), 'elsewhere');
      expect(owed.length).toBeGreaterThan(0);
      expect(owed).not.toContain(true);
    });

    it('brings commits that come together to the disk together', () => {
      const round = events.slice(at('together begins'), at('together ends'));
      const syncs = round.filter((event) => event === 'synced');
      expect(syncs.length).toBeGreaterThan(0);
      expect(syncs.length).toBeLessThan(15);
    });

    it('answers those of the queue at once, and brings them to the disk soon or with the next', () => {
      expect(owedAt(events, 'lazy')).toEqual([true, true]);
      const between = events.slice(at('lazy'), at('behind'));
      expect(between.filter((event) => event === 'synced').length).toBeGreaterThanOrEqual(2);
      expect(owedAt(events, 'behind')).toEqual([false]);
    });
  },
);

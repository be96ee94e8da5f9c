import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { createMetrics } from '../../adapters/observability/metrics.js';
import { packageRoot } from '../../adapters/process/package-info.js';

const NONE = { count: 0, oldestAtMs: undefined };

/** A registry with a figure in each metric, so that each says its name. */
async function exposition(): Promise<string> {
  const metrics = createMetrics('1.0.0');
  metrics.watch({
    operations: {
      census: () =>
        Promise.resolve({
          instances: { received: { count: 2, oldestAtMs: 1_000 }, queued: NONE },
          studies: { analysing: NONE },
          deliveries: { pending: NONE, dead: NONE },
          unreportedCommitments: { count: 1, oldestAtMs: 1_000 },
          outbox: NONE,
          failedInstances: { count: 3, oldestAtMs: 1_000 },
          parkedJobs: NONE,
        }),
    },
    queue: { depth: () => Promise.resolve({ waiting: 3, active: 0, delayed: 0, failed: 0 }) },
    objects: { freeBytes: () => Promise.resolve(5_000) },
    clock: () => 61_000,
  });
  metrics.received('stored');
  metrics.finished('scored');
  metrics.stage('queue', 1_500);
  metrics.deliveryAttempt('hook', 'delivered');
  metrics.notified('hook', 2_000);
  metrics.parked('assemble');
  metrics.model({
    name: 'm',
    version: '1',
    sha256: 'abc',
    precision: 'fp32',
    executionProvider: 'cpu',
  });
  return metrics.text();
}

describe('the figures for Prometheus', () => {
  it('count what waits, and since when', async () => {
    const text = await exposition();
    expect(text).toContain('preread_backlog{of="instance",state="received"} 2');
    expect(text).toContain('preread_backlog_oldest_seconds{of="instance",state="received"} 60');
    expect(text).toContain('preread_backlog{of="commitment",state="requested"} 1');
    expect(text).toContain('preread_backlog{of="outcome",state="processing-failed"} 3');
    expect(text).toContain('preread_queue_jobs{queue="infer",state="waiting"} 3');
    expect(text).toContain('preread_stage_seconds_bucket{le="2.5",stage="queue"} 1');
    expect(text).toContain('preread_storage_free_bytes 5000');
  });

  it('leave out what does not answer, and still say the rest', async () => {
    const metrics = createMetrics('1.0.0');
    const refused = () => Promise.reject(new Error('refused'));
    metrics.watch({ operations: { census: refused }, queue: { depth: refused }, clock: () => 0 });
    const text = await metrics.text();
    expect(text).not.toContain('preread_backlog{');
    expect(text).toContain('preread_build_info{version="1.0.0"} 1');
  });

  it('are the ones that the dashboard and the alert rules name', async () => {
    const exposed = await exposition();
    const known = new Set(exposed.match(/^[a-z_]+/gm));
    let backlogsNamed = 0;
    for (const file of ['grafana-dashboard.json', 'alerts.yml']) {
      const text = readFileSync(join(packageRoot, 'docs', 'operations', file), 'utf8');
      const named = text.match(/\b(?:preread|process|nodejs)_[a-z_]+\b/g) ?? [];
      expect(named.length).toBeGreaterThan(5);
      for (const name of named) {
        expect(known, `${file} names ${name}`).toContain(name);
      }
      // A label that nothing has makes a rule that never fires.
      const labels = text.matchAll(
        /\bpreread_backlog\w*\{of=\\?"(\w+)\\?"(?:,state=\\?"(\w+)\\?")?/g,
      );
      for (const [selector, of, state] of labels) {
        const series = `preread_backlog{of="${of}",state="${state ?? ''}`;
        expect(exposed, `${file} has ${selector}`).toContain(series);
        backlogsNamed += 1;
      }
    }
    expect(backlogsNamed).toBeGreaterThan(5);
  });

  it('make a dashboard whose panels all ask for something', () => {
    const path = join(packageRoot, 'docs', 'operations', 'grafana-dashboard.json');
    const dashboard = z
      .object({
        panels: z.array(
          z.object({ targets: z.array(z.object({ expr: z.string().min(1) })).min(1) }),
        ),
      })
      .parse(JSON.parse(readFileSync(path, 'utf8')));
    expect(dashboard.panels.length).toBeGreaterThan(8);
  });
});

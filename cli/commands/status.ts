import type { Command } from 'commander';
import type { z } from 'zod';

import { readinessSchema } from '../../services/ingest-http/routes/health.js';
import { statusSchema } from '../../services/ingest-http/routes/operations-schemas.js';
import { EXIT } from '../exit-codes.js';
import { connectToServer, withServerOption } from '../remote/server-connection.js';
import { textTable } from '../text-table.js';

const HELP = `
Exit codes:
  ${EXIT.ok}  everything works, and nothing waits for a person
  ${EXIT.failure}  no server answers
  ${EXIT.partial}  a dependency does not work, or something waits for a person

Examples:
  preread status
  watch -n 5 preread status
  preread status --json | jq .deliveries.dead.count`;

type Status = z.infer<typeof statusSchema>;
type Readiness = z.infer<typeof readinessSchema>;

export function register(program: Command): void {
  withServerOption(program.command('status'))
    .summary('what the running server does, and what waits')
    .description('What the running server does.')
    .option('--json', 'as JSON', false)
    .addHelpText('after', HELP)
    .action(async (flags: { readonly server?: string; readonly json: boolean }) => {
      const server = await connectToServer(flags, process.env);
      const status = await server.call('GET', '/api/v1/status', statusSchema);
      const readiness = readinessSchema.parse(
        // Not through the connection: its 503 is an answer and no error.
        await (await fetch(`${server.url}/readyz`)).json(),
      );
      console.log(
        flags.json
          ? JSON.stringify({ ...status, readiness }, null, 2)
          : statusPage(status, readiness, Date.now()),
      );
      const waits =
        status.deliveries.dead.count +
        status.failedInstances.count +
        status.parkedJobs.count +
        status.closedDestinations.length;
      process.exitCode = readiness.status === 'ready' && waits === 0 ? EXIT.ok : EXIT.partial;
    });
}

function statusPage(status: Status, readiness: Readiness, nowMs: number): string {
  const row = (what: string, { count, oldestAt }: Status['outbox']): string[] => [
    what,
    String(count),
    oldestAt === undefined ? '' : `oldest ${age(nowMs - Date.parse(oldestAt))}`,
  ];
  const backlog = textTable([
    row('images received', status.instances.received),
    row('images queued', status.instances.queued),
    row('studies without a result', status.studies.analysing),
    row('deliveries pending', status.deliveries.pending),
    row('deliveries given up', status.deliveries.dead),
    row('commitments without report', status.unreportedCommitments),
    row('jobs in the outbox', status.outbox),
    row('images failed', status.failedInstances),
    row('jobs parked', status.parkedJobs),
  ]);
  const queues = textTable([
    ['queue', 'waiting', 'active', 'delayed', 'failed'],
    ...status.queues.map(({ name, depth }) =>
      depth === undefined
        ? [name, 'does not answer']
        : [name, ...[depth.waiting, depth.active, depth.delayed, depth.failed].map(String)],
    ),
  ]);
  const checks = readiness.checks.map(
    ({ name, ok, error }) => `${name}: ${ok ? 'works' : `fails (${error ?? 'unknown'})`}`,
  );
  const closed = status.closedDestinations.map(
    ({ name, since }) =>
      `${name} has said that it is gone, ${age(nowMs - Date.parse(since))} ago: preread destinations open ${name}`,
  );
  const room = `room for images: ${(status.freeBytes / 1024 ** 3).toFixed(1)} GiB`;
  return [readiness.status, ...checks, ...closed, '', backlog, '', queues, '', room].join('\n');
}

function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) {
    return `${seconds} s`;
  }
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

import type { RequestHandler } from 'express';
import { z } from 'zod';

import { PipelineError, toPipelineError, type ErrorCode } from '../../../core/errors.js';
import type { Logger } from '../../../core/log.js';

/** Something that this process works with. */
export interface ReadinessCheck {
  readonly name: string;
  /** Whoever sends to this process is served without it, and what it is needed for is made up for later. */
  readonly dispensable?: boolean;
  /** Rejects when it does not work. */
  readonly check: () => Promise<unknown>;
  /** What its silence means. */
  readonly whenSilent: ErrorCode;
  /** What an operator should know of it: shown beside the answer. */
  readonly detail?: string;
}

/** A dependency that is silent for so long does not work. */
const CHECK_TIMEOUT_MS = 3_000;

export const livenessSchema = z.object({ status: z.literal('ok') }).meta({ id: 'Liveness' });

export const readinessSchema = z
  .object({
    status: z
      .enum(['ready', 'degraded', 'not-ready'])
      .describe(
        'degraded: who sends is served, but something else fails that is made up for later.',
      ),
    checks: z.array(
      z.object({
        name: z.string(),
        ok: z.boolean(),
        error: z.string().optional().describe('Code of the error.'),
        detail: z.string().optional().describe('What it runs on.'),
      }),
    ),
  })
  .meta({ id: 'Readiness' });

export type Readiness = z.infer<typeof readinessSchema>;

/** The process lives; it says nothing of anything else, so that nobody restarts us for a database's fault. */
export const liveness: RequestHandler = (_request, response) => {
  response.json({ status: 'ok' } satisfies z.infer<typeof livenessSchema>);
};

/** Each dependency, asked now. Probes that come while one runs share its answer. */
export function readiness(checks: readonly ReadinessCheck[], logger: Logger): RequestHandler {
  let running: Promise<Readiness> | undefined;
  return async (_request, response) => {
    running ??= checkAll(checks, logger).finally(() => {
      running = undefined;
    });
    const answer = await running;
    response.status(answer.status === 'not-ready' ? 503 : 200).json(answer);
  };
}

async function checkAll(checks: readonly ReadinessCheck[], logger: Logger): Promise<Readiness> {
  const results = await Promise.all(
    checks.map(async ({ name, check, whenSilent, detail }) => {
      try {
        await withTimeout(check(), whenSilent);
        return { name, ok: true, ...(detail !== undefined && { detail }) };
      } catch (error) {
        logger.warn({ check: name, err: error }, 'not ready');
        return { name, ok: false, error: toPipelineError(error).code };
      }
    }),
  );
  const failed = checks.filter((_check, index) => results[index]?.ok === false);
  const status =
    failed.length === 0
      ? 'ready'
      : failed.every(({ dispensable }) => dispensable === true)
        ? 'degraded'
        : 'not-ready';
  return { status, checks: results };
}

async function withTimeout(promise: Promise<unknown>, whenSilent: ErrorCode): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new PipelineError(whenSilent, 'No answer in time.'));
    }, CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

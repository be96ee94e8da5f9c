import { z } from 'zod';

import { findingScoreSchema } from '../results/finding-score.js';
import { NOT_ANALYSED_REASONS } from '../results/outcome.js';
import { studyResultSchema, type StudyResult } from '../results/study-result.js';
import type { SinkDelivery } from './result-sink.js';

/**
 * `study.result.created` and `.amended` carry scores; `study.not_analysed` says that no image of the study
 * could be analysed, and why; `delivery.failed` that a result did not reach another destination. Source of
 * the envelope: Standard Webhooks 1.0.0.
 */
export const WEBHOOK_TYPES = [
  'study.result.created',
  'study.result.amended',
  'study.not_analysed',
  'delivery.failed',
] as const;

export type WebhookType = (typeof WEBHOOK_TYPES)[number];

export const WEBHOOK_BODIES = ['thin', 'full'] as const;
export type WebhookBody = (typeof WEBHOOK_BODIES)[number];

const links = z.object({
  study: z
    .string()
    .describe('The study with its whole result in our API; a path when our public URL is not set.'),
});

/** Ids, priority, what is flagged, and where to read the rest. */
export const thinResultSchema = studyResultSchema
  .pick({
    schemaVersion: true,
    StudyInstanceUID: true,
    resultVersion: true,
    amends: true,
    status: true,
    triage: true,
    analysed: true,
    models: true,
    software: true,
    assembledAt: true,
    disclaimer: true,
  })
  .extend({
    findings: z
      .array(findingScoreSchema.extend({ SOPInstanceUID: z.string() }))
      .describe('Those that are flagged, and no others.'),
    notAnalysed: z
      .array(z.enum(NOT_ANALYSED_REASONS))
      .describe('Why images of the study were not analysed, each reason once.'),
    links,
  })
  .meta({ id: 'ThinStudyResult' });

export const failedDeliverySchema = z
  .object({
    StudyInstanceUID: z.string(),
    resultVersion: z.int().positive(),
    deliveryId: z.string(),
    destination: z.string(),
    attempts: z.int().nonnegative(),
    error: z.string(),
    links,
  })
  .meta({ id: 'FailedDelivery' });

const resultType = z.enum(WEBHOOK_TYPES).exclude(['delivery.failed']);

/** A body with the whole result, as a webhook with the full body sends it. */
export const webhookMessageSchema = z
  .object({ type: resultType, timestamp: z.iso.datetime(), data: studyResultSchema })
  .meta({ id: 'WebhookMessage' });

export const thinWebhookMessageSchema = z
  .object({ type: resultType, timestamp: z.iso.datetime(), data: thinResultSchema })
  .meta({ id: 'ThinWebhookMessage' });

export const failedDeliveryMessageSchema = z
  .object({
    type: z.literal('delivery.failed'),
    timestamp: z.iso.datetime(),
    data: failedDeliverySchema,
  })
  .meta({ id: 'FailedDeliveryMessage' });

export type WebhookMessage = z.infer<typeof webhookMessageSchema>;
export type ThinWebhookMessage = z.infer<typeof thinWebhookMessageSchema>;
export type FailedDeliveryMessage = z.infer<typeof failedDeliveryMessageSchema>;

export interface WebhookMessageOptions {
  readonly body: WebhookBody;
  /** Under which clients reach our API. */
  readonly publicUrl: string | undefined;
}

/** The body of a delivery's message. The same delivery gives the same bytes on every attempt. */
export function buildWebhookMessage(
  { result, failed }: Pick<SinkDelivery, 'result' | 'failed'>,
  { body, publicUrl }: WebhookMessageOptions,
): WebhookMessage | ThinWebhookMessage | FailedDeliveryMessage {
  const { StudyInstanceUID, resultVersion, assembledAt } = result;
  const base = publicUrl?.replace(/\/$/, '') ?? '';
  const link = { study: `${base}/api/v1/studies/${StudyInstanceUID}` };
  if (failed !== undefined) {
    const data = { StudyInstanceUID, resultVersion, ...failed, links: link };
    return { type: 'delivery.failed', timestamp: assembledAt, data };
  }
  const envelope = { type: messageType(result), timestamp: assembledAt };
  return body === 'full'
    ? { ...envelope, data: result }
    : { ...envelope, data: thinResult(result, link) };
}

/**
 * `webhook-id`: the receiver's idempotency key. It is the delivery's own id, so that it stays the same over
 * all attempts and replays and reveals nothing.
 */
export function webhookId(deliveryId: string): string {
  return `msg_${deliveryId.replaceAll('-', '')}`;
}

export function messageType(result: StudyResult): Exclude<WebhookType, 'delivery.failed'> {
  if (!result.analysed) {
    return 'study.not_analysed';
  }
  return result.amends === undefined ? 'study.result.created' : 'study.result.amended';
}

function thinResult(
  { instances, findings, ...rest }: StudyResult,
  link: z.infer<typeof links>,
): ThinWebhookMessage['data'] {
  const reasons = instances.flatMap(({ outcome }) =>
    outcome.kind === 'not-analysed' ? [outcome.reason] : [],
  );
  return {
    ...rest,
    findings: findings.filter(({ flagged }) => flagged),
    notAnalysed: [...new Set(reasons)],
    links: link,
  };
}

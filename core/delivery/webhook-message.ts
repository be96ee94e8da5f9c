import { z } from 'zod';

import { studyResultSchema, type StudyResult } from '../results/study-result.js';

/**
 * `study.result.created` and `.amended` carry scores; `study.not_analysed` says that no image of the study
 * could be analysed, and why. Source of the envelope: Standard Webhooks 1.0.0.
 */
export const WEBHOOK_TYPES = [
  'study.result.created',
  'study.result.amended',
  'study.not_analysed',
] as const;

export const webhookMessageSchema = z
  .object({
    type: z.enum(WEBHOOK_TYPES),
    timestamp: z.iso.datetime(),
    data: studyResultSchema,
  })
  .meta({ id: 'WebhookMessage' });

export type WebhookMessage = z.infer<typeof webhookMessageSchema>;

/** The body of a result's message. The same result gives the same bytes on every attempt. */
export function buildWebhookMessage(result: StudyResult): WebhookMessage {
  return { type: messageType(result), timestamp: result.assembledAt, data: result };
}

/**
 * `webhook-id`: the receiver's idempotency key. It is the delivery's own id, so that it stays the same over
 * all attempts and replays and reveals nothing.
 */
export function webhookId(deliveryId: string): string {
  return `msg_${deliveryId.replaceAll('-', '')}`;
}

function messageType(result: StudyResult): WebhookMessage['type'] {
  if (!result.analysed) {
    return 'study.not_analysed';
  }
  return result.amends === undefined ? 'study.result.created' : 'study.result.amended';
}

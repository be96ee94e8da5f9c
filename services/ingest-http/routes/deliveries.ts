import { z } from 'zod';

import { DELIVERY_STATES } from '../../../core/storage/study-store.js';
import type { StoredDelivery } from '../../../core/storage/study-store.js';
import { isoTime, isoTimeIfKnown } from '../../../core/time.js';

const time = z.iso.datetime();

export const deliverySchema = z
  .object({
    id: z.string(),
    destination: z.string(),
    resultVersion: z.int().positive(),
    state: z.enum(DELIVERY_STATES),
    attempts: z.int().nonnegative(),
    lastError: z.string().optional(),
    createdAt: time,
    nextAttemptAt: time.optional(),
    deliveredAt: time.optional(),
    receipt: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
      .optional()
      .describe('What the receiver said when it took the message.'),
    failedDeliveryId: z
      .string()
      .optional()
      .describe('The delivery whose failure this message tells of.'),
  })
  .meta({ id: 'Delivery' });

export function deliveryToJson(delivery: StoredDelivery): z.infer<typeof deliverySchema> {
  return {
    id: delivery.deliveryId,
    destination: delivery.destination,
    resultVersion: delivery.resultVersion,
    state: delivery.state,
    attempts: delivery.attempts,
    lastError: delivery.lastError,
    createdAt: isoTime(delivery.createdAtMs),
    nextAttemptAt: isoTimeIfKnown(delivery.nextAttemptAtMs),
    deliveredAt: isoTimeIfKnown(delivery.deliveredAtMs),
    receipt: delivery.receipt,
    failedDeliveryId: delivery.failedDeliveryId,
  };
}

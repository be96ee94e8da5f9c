import { z } from 'zod';

import { DELIVERY_STATES } from '../../../core/storage/study-store.js';

const MAX_PAGE_SIZE = 500;
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

export const listedDeliverySchema = deliverySchema
  .extend({ StudyInstanceUID: z.string() })
  .meta({ id: 'ListedDelivery' });

export const deliveryQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_SIZE).default(50),
  cursor: z.string().optional().describe('`nextCursor` of the page before.'),
  state: z.enum(DELIVERY_STATES).optional(),
  destination: z.string().min(1).optional(),
  StudyInstanceUID: z.string().min(1).optional(),
});

export const deliveryListSchema = z
  .object({
    deliveries: z.array(listedDeliverySchema).describe('Newest first.'),
    nextCursor: z.string().optional().describe('Absent on the last page.'),
  })
  .meta({ id: 'DeliveryList' });

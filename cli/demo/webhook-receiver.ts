import { randomBytes } from 'node:crypto';

import { webhookMessageSchema, type WebhookMessage } from '../../core/delivery/webhook-message.js';
import { startWebhookListener, type WebhookListener } from '../webhook/webhook-listener.js';

export interface DemoReceiver extends WebhookListener {
  readonly secret: string;
}

/** The demo's stand-in for a PACS or RIS: takes a message only if its signature and its schema hold. */
export async function startDemoReceiver(
  onMessage: (message: WebhookMessage) => void,
): Promise<DemoReceiver> {
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const listener = await startWebhookListener(
    { secrets: [secret], host: '127.0.0.1', port: 0 },
    (event) => {
      if (event.kind === 'message' && !event.repeated) {
        onMessage(webhookMessageSchema.parse(event.message));
      }
    },
  );
  return { ...listener, secret };
}

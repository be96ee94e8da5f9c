import { describe, expect, it, onTestFinished } from 'vitest';

import { createAddressGuard } from '../../adapters/network/address-guard.js';
import { createWebhookSink } from '../../adapters/webhook/webhook-sink.js';
import {
  startWebhookListener,
  type WebhookEvent,
  type WebhookListenerOptions,
} from '../../cli/webhook/webhook-listener.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { runPreread } from '../support/preread-process.js';
import { sampleReport } from '../support/sample-report.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OLD_SECRET = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';
const DELIVERY = {
  deliveryId: '0b0e1c1a-4b6c-4e0e-8f5a-3d1b2c4d5e6f',
  studyId: '5a1f7a60-3f4c-4c4e-9a3e-0d7d5a1c2b3d',
  result: sampleReport(),
};

function sink(url: string, secrets: readonly string[], body: 'thin' | 'full' = 'thin') {
  const created = createWebhookSink(
    { clock: Date.now },
    {
      name: 'hook',
      url,
      secrets,
      timeoutMs: 10_000,
      userAgent: 'preread-test',
      body,
      publicUrl: undefined,
      guard: createAddressGuard([]),
    },
  );
  onTestFinished(() => created.close());
  return created;
}

async function listen(options: Partial<WebhookListenerOptions> = {}) {
  const events: WebhookEvent[] = [];
  const listener = await startWebhookListener(
    { secrets: [SECRET, OLD_SECRET], host: '127.0.0.1', port: 0, ...options },
    (event) => events.push(event),
  );
  onTestFinished(() => listener.close());
  return { ...listener, events };
}

describe('a listener for webhooks', () => {
  it('takes what any of its secrets has signed, and knows a repetition', async () => {
    const { url, events } = await listen();
    await sink(url, [SECRET]).send(DELIVERY);
    await sink(url, [OLD_SECRET], 'full').send(DELIVERY);
    expect(events).toMatchObject([
      { kind: 'message', repeated: false, answer: 204, message: { type: 'study.result.created' } },
      { kind: 'message', repeated: true, answer: 204 },
    ]);
  });

  it('refuses what nobody has signed, what is no message, and what is no POST', async () => {
    const { url, events } = await listen();
    const stranger = sink(url, ['whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA']);
    await expect(stranger.send(DELIVERY)).rejects.toMatchObject({ code: 'delivery-failed' });
    expect((await fetch(url, { method: 'POST', body: '{}' })).status).toBe(400);
    expect((await fetch(url)).status).toBe(400);
    expect(events.map(({ kind }) => kind)).toEqual(['refused', 'refused', 'refused']);
  });

  it('fails as it is told, for so many messages, and counts none of them as taken', async () => {
    const { url, events } = await listen({ failure: { status: 503, first: 1 } });
    const hook = sink(url, [SECRET]);
    await expect(hook.send(DELIVERY)).rejects.toMatchObject({ code: 'delivery-busy' });
    await hook.send(DELIVERY);
    expect(events).toMatchObject([{ answer: 503 }, { answer: 204, repeated: false }]);
  });

  it('says at once that a secret is none, or a port is taken', async () => {
    await expect(listen({ secrets: ['whsec_short'] })).rejects.toMatchObject({
      code: 'config-invalid',
    });
    const { url } = await listen();
    await expect(listen({ port: Number(new URL(url).port) })).rejects.toMatchObject({
      code: 'config-invalid',
    });
  });

  it('is a command that prints one JSON object a line and ends after its count', async () => {
    const port = await freePort();
    const args = ['webhook', 'listen', '--secret', 'env:S', '--json', '--count', '1'];
    const running = runPreread([...args, '--port', String(port)], { S: SECRET });
    const hook = sink(`http://127.0.0.1:${port}/`, [SECRET]);
    await eventually(() => hook.send(DELIVERY));
    const { exitCode, output } = await running;
    expect(exitCode).toBe(0);
    const line = output.split('\n').find((text) => text.startsWith('{')) ?? '';
    expect(JSON.parse(line)).toMatchObject({
      id: 'msg_0b0e1c1a4b6c4e0e8f5a3d1b2c4d5e6f',
      answer: 204,
      message: { type: 'study.result.created' },
    });
    const missing = await runPreread(['webhook', 'listen', '--secret', 'env:NOT_SET']);
    expect(missing.exitCode).toBe(2);
    expect(missing.output).toContain('NOT_SET');
  });
});

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect, it } from 'vitest';
import { z } from 'zod';

import { createChestImages } from '../chaos/chest-images.js';
import { describeWithPeer } from '../support/peers.js';
import { startPostgres } from '../support/postgres-server.js';
import { startServe } from '../support/preread-process.js';
import { startRedis } from '../support/redis-server.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { tinyModel, writeModelFolder } from '../support/tiny-model.js';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const SENDERS_SPAN_ID = '00f067aa0ba902b7';

/** Of ExportTraceServiceRequest in JSON, what is looked at. Source: opentelemetry-proto, trace/v1. */
const requestSchema = z.object({
  resourceSpans: z.array(
    z.object({
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: z.string(),
              spanId: z.string(),
              parentSpanId: z.string().optional(),
              name: z.string(),
              startTimeUnixNano: z.coerce.bigint(),
              endTimeUnixNano: z.coerce.bigint(),
            }),
          ),
        }),
      ),
    }),
  ),
});

/** A collector as OTLP/HTTP describes it. */
async function startCollector() {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/v1/traces') {
        bodies.push(Buffer.concat(chunks).toString());
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    spans: () =>
      bodies
        .flatMap((body) => requestSchema.parse(JSON.parse(body)).resourceSpans)
        .flatMap(({ scopeSpans }) => scopeSpans)
        .flatMap(({ spans }) => spans),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Sends one image to a pipeline that runs already, and waits for its result at the receiver. */
async function sendImage(
  url: string,
  receiver: WebhookReceiver,
): Promise<{ readonly secrets: readonly string[] }> {
  const image = createChestImages('traces')(1, 0, false);
  const response = await fetch(`${url}/dicom-web/studies`, {
    method: 'POST',
    headers: {
      'content-type': 'application/dicom',
      accept: 'application/dicom+json',
      traceparent: `00-${TRACE_ID}-${SENDERS_SPAN_ID}-01`,
    },
    body: image.bytes,
  });
  expect(response.status).toBe(200);
  await receiver.until(() => receiver.received.length > 0, 'the result');
  expect(receiver.received[0]?.traceparent).toContain(TRACE_ID);
  return { secrets: [image.StudyInstanceUID, image.SOPInstanceUID, 'Phantom', 'CHAOS-1'] };
}

async function settingsFor(receiver: WebhookReceiver, collectorUrl: string) {
  return {
    PREREAD_DATA_DIR: temporaryFolder(),
    PREREAD_MODEL: await writeModelFolder(temporaryFolder(), tinyModel()),
    PREREAD_MIN_FREE_BYTES: '0',
    PREREAD_INFERENCE_PROCESSES: '1',
    PREREAD_WEBHOOK_URL: receiver.url,
    PREREAD_WEBHOOK_SECRET: receiver.secret,
    PREREAD_WEBHOOK_BODY: 'full',
    OTEL_EXPORTER_OTLP_ENDPOINT: collectorUrl,
  };
}

type Spans = ReturnType<Awaited<ReturnType<typeof startCollector>>['spans']>;

/** One root below the sender's span, and everything else below that. */
function expectOneTree(spans: Spans): void {
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE_ID]));
  const [root, ...others] = spans.filter(({ parentSpanId }) => parentSpanId === SENDERS_SPAN_ID);
  expect(root?.name).toBe('ingest');
  expect(others).toEqual([]);
  for (const { name, parentSpanId } of spans.filter((span) => span !== root)) {
    expect(parentSpanId, name).toBe(root?.spanId);
  }
  for (const { startTimeUnixNano, endTimeUnixNano } of spans) {
    expect(endTimeUnixNano).toBeGreaterThanOrEqual(startTimeUnixNano);
  }
}

it('a study leaves one trace from the wire to the webhook with an OpenTelemetry collector', async () => {
  const collector = await startCollector();
  const receiver = await startWebhookReceiver();
  try {
    const serve = await startServe(await settingsFor(receiver, collector.url));
    const { secrets } = await sendImage(serve.url, receiver);
    // What has not been sent yet is sent at the end.
    await serve.stop();

    const spans = collector.spans();
    expectOneTree(spans);
    const byStart = [...spans].sort((a, b) =>
      Number(a.startTimeUnixNano - b.startTimeUnixNano || a.endTimeUnixNano - b.endTimeUnixNano),
    );
    const names = byStart.map(({ name }) => name);
    // The queue's span begins with the last byte; of a small image that is the millisecond of the first.
    expect(names.slice(0, 2).sort()).toEqual(['ingest', 'queue']);
    expect(names.slice(2)).toEqual(['inference', 'assembly', 'delivery']);
    for (const secret of secrets) {
      expect(collector.bodies.join()).not.toContain(secret);
    }
  } finally {
    await receiver.close();
    collector.close();
  }
});

describeWithPeer('postgres', 'on PostgreSQL', (postgresPeer) => {
  describeWithPeer('redis', 'and Redis', (redisPeer) => {
    it('the trace has the spans of BullMQ too, across processes, and nothing of a worker that only waits', async () => {
      const postgres = await startPostgres(postgresPeer);
      const redis = await startRedis(redisPeer);
      const collector = await startCollector();
      const receiver = await startWebhookReceiver();
      try {
        const env = {
          ...(await settingsFor(receiver, collector.url)),
          DATABASE_URL: await postgres.createDatabase(),
          REDIS_URL: redis.url,
          QUEUE_PREFIX: 'traced',
        };
        // Each stage is followed by one of another process: else no queue would have part in it.
        const front = await startServe(env, ['--role', 'ingest,delivery']);
        const workers = [
          await startServe(env, ['--role', 'inference']),
          await startServe(env, ['--role', 'assemble']),
        ];
        const { secrets } = await sendImage(front.url, receiver);
        await Promise.all(workers.map((worker) => worker.stop()));
        await front.stop();

        const spans = collector.spans();
        expectOneTree(spans);
        const names = spans.map(({ name }) => name);
        for (const stage of ['ingest', 'queue', 'inference', 'assembly', 'delivery']) {
          expect(names.filter((name) => name === stage)).toHaveLength(1);
        }
        for (const queue of ['infer', 'assemble', 'deliver']) {
          expect(names).toContain(`add ${env.QUEUE_PREFIX}-${queue}.${queue}`);
          expect(names).toContain(`process ${env.QUEUE_PREFIX}-${queue}`);
        }
        for (const secret of secrets) {
          expect(collector.bodies.join()).not.toContain(secret);
        }
      } finally {
        await receiver.close();
        collector.close();
        await redis.stop();
        await postgres.stop();
      }
    });
  });
});

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect, it } from 'vitest';
import { z } from 'zod';

import { createChestImages } from '../chaos/chest-images.js';
import { startServe } from '../support/preread-process.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { tinyModel, writeModelFolder } from '../support/tiny-model.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';

/** Of ExportTraceServiceRequest in JSON, what is looked at. Source: opentelemetry-proto, trace/v1. */
const requestSchema = z.object({
  resourceSpans: z.array(
    z.object({
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: z.string(),
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

it('a study leaves one trace from the wire to the webhook with an OpenTelemetry collector', async () => {
  const collector = await startCollector();
  const receiver = await startWebhookReceiver();
  const image = createChestImages('traces')(1, 0, false);
  try {
    const serve = await startServe({
      PREREAD_DATA_DIR: temporaryFolder(),
      PREREAD_MODEL: await writeModelFolder(temporaryFolder(), tinyModel()),
      PREREAD_MIN_FREE_BYTES: '0',
      PREREAD_INFERENCE_PROCESSES: '1',
      PREREAD_WEBHOOK_URL: receiver.url,
      PREREAD_WEBHOOK_SECRET: receiver.secret,
      PREREAD_WEBHOOK_BODY: 'full',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    });
    const response = await fetch(`${serve.url}/dicom-web/studies`, {
      method: 'POST',
      headers: {
        'content-type': 'application/dicom',
        accept: 'application/dicom+json',
        traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01`,
      },
      body: image.bytes,
    });
    expect(response.status).toBe(200);
    await receiver.until(() => receiver.received.length > 0, 'the result');
    expect(receiver.received[0]?.traceparent).toContain(TRACE_ID);
    // What has not been sent yet is sent at the end.
    await serve.stop();

    const spans = collector.spans();
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE_ID]));
    const byStart = [...spans].sort((a, b) =>
      Number(a.startTimeUnixNano - b.startTimeUnixNano || a.endTimeUnixNano - b.endTimeUnixNano),
    );
    const names = byStart.map(({ name }) => name);
    // The queue's span begins with the last byte; of a small image that is the millisecond of the first.
    expect(names.slice(0, 2).sort()).toEqual(['ingest', 'queue']);
    expect(names.slice(2)).toEqual(['inference', 'assembly', 'delivery']);
    for (const { startTimeUnixNano, endTimeUnixNano } of spans) {
      expect(endTimeUnixNano).toBeGreaterThanOrEqual(startTimeUnixNano);
    }
    for (const secret of [image.StudyInstanceUID, image.SOPInstanceUID, 'Phantom', 'CHAOS-1']) {
      expect(collector.bodies.join()).not.toContain(secret);
    }
  } finally {
    await receiver.close();
    collector.close();
  }
});

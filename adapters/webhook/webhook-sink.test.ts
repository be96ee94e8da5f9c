import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it } from 'vitest';

import {
  failedDeliveryMessageSchema,
  thinWebhookMessageSchema,
  webhookMessageSchema,
} from '../../core/delivery/webhook-message.js';
import { PipelineError } from '../../core/errors.js';
import { DISCLAIMER, type StudyResult } from '../../core/results/study-result.js';
import { createSigner } from './sign-message.js';
import { createAddressGuard } from '../network/address-guard.js';
import { createWebhookSink, type WebhookSinkOptions } from './webhook-sink.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OLD_SECRET = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

describe('the signature', () => {
  it("is that of the specification's test vector", () => {
    const signed = createSigner(SECRET)(
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      1_614_265_330,
      '{"test": 2432232314}',
    );
    expect(signed).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('is that of the reference implementation, whatever the body says', () => {
    const body = JSON.stringify({ name: 'Nguyễn Thị Hoà', sign: '½ € 𝄞' });
    expect(createSigner(OLD_SECRET)('msg_1', 1_700_000_000, body)).toBe(
      new Webhook(OLD_SECRET).sign('msg_1', new Date(1_700_000_000_000), body),
    );
  });
});

describe('createWebhookSink', () => {
  it('posts a message that the receiver can verify with either secret during a rotation', async () => {
    const { url, requests } = await receiver((_request, response) => response.end());
    const sink = sinkTo(url, [SECRET, OLD_SECRET]);
    await sink.send(DELIVERY);
    const { headers, body } = requests[0]!;
    for (const secret of [SECRET, OLD_SECRET]) {
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toMatchObject({
        type: 'study.not_analysed',
        data: { StudyInstanceUID: '1.2' },
      });
    }
    await sink.close();
  });

  it('keeps webhook-id over attempts', async () => {
    const { url, requests } = await receiver((_request, response) => response.end());
    const sink = sinkTo(url);
    await sink.send(DELIVERY);
    await sink.send(DELIVERY);
    expect(requests.map((request) => request.headers['webhook-id'])).toEqual([
      'msg_0b0e1c1a4b6c4e0e8f5a3d1b2c4d5e6f',
      'msg_0b0e1c1a4b6c4e0e8f5a3d1b2c4d5e6f',
    ]);
    expect(requests[0]!.body).toBe(requests[1]!.body);
    await sink.close();
  });

  it.each([
    [410, 'delivery-gone'],
    [429, 'delivery-busy'],
    [503, 'delivery-busy'],
    [500, 'delivery-failed'],
    [404, 'delivery-failed'],
    [302, 'delivery-failed'],
  ])('takes the answer %i for %s', async (status, code) => {
    const { url, requests } = await receiver((_request, response) => {
      response.writeHead(status, { location: '/elsewhere', 'retry-after': '7' }).end();
    });
    const error = await failure(url);
    expect(error).toMatchObject({ code, context: { status, retryAfterMs: 7_000 } });
    expect(requests).toHaveLength(1);
  });

  it('calls a refused connection unreachable: nothing was sent', async () => {
    const { url, close } = await receiver((_request, response) => response.end());
    await close();
    expect(await failure(url)).toMatchObject({
      code: 'delivery-unreachable',
      failure: 'transient',
    });
  });

  it('calls a missing answer ambiguous: the receiver may have acted', async () => {
    const { url } = await receiver(() => undefined);
    expect(await failure(url)).toMatchObject({ code: 'delivery-timeout', failure: 'ambiguous' });
  });

  it('calls a connection that is cut after the request ambiguous', async () => {
    const { url } = await receiver((request) => request.socket.destroy());
    expect(await failure(url)).toMatchObject({ failure: 'ambiguous' });
  });

  it('sends ids, priority and a link by default, and the whole result when asked', async () => {
    const { url, requests } = await receiver((_request, response) => response.end());
    for (const body of ['thin', 'full'] as const) {
      const sink = sinkTo(url, [SECRET], { body, publicUrl: 'https://preread.example/' });
      expect(await sink.send(DELIVERY)).toEqual({ status: 200 });
      await sink.close();
    }
    const [thin, full] = requests.map((request) => JSON.parse(request.body) as object);
    expect(thinWebhookMessageSchema.strict().parse(thin).data).toMatchObject({
      findings: [],
      links: { study: 'https://preread.example/api/v1/studies/1.2' },
    });
    expect(thin).not.toHaveProperty('data.instances');
    expect(webhookMessageSchema.parse(full).data).toEqual(RESULT);
  });

  it('tells of a delivery that has failed for good', async () => {
    const { url, requests } = await receiver((_request, response) => response.end());
    const sink = sinkTo(url);
    const failed = { deliveryId: STUDY_ID, destination: 'pacs', attempts: 10, error: 'refused' };
    await sink.send({ ...DELIVERY, failed });
    expect(failedDeliveryMessageSchema.parse(JSON.parse(requests[0]!.body))).toMatchObject({
      type: 'delivery.failed',
      data: { destination: 'pacs', attempts: 10, StudyInstanceUID: '1.2' },
    });
    await sink.close();
  });

  it('sends nothing to a private address that is not allowed', async () => {
    expect(await failure('http://10.255.255.1/hook')).toMatchObject({
      code: 'delivery-forbidden',
      failure: 'permanent',
    });
  });

  it('does not read an endless answer', async () => {
    const { url } = await receiver((_request, response) => {
      response.writeHead(200);
      const pour = (): void => {
        while (response.write(Buffer.alloc(65_536)));
        response.once('drain', pour);
      };
      pour();
    });
    const sink = sinkTo(url);
    await sink.send(DELIVERY);
    await sink.close();
  });
});

const DELIVERY_ID = '0b0e1c1a-4b6c-4e0e-8f5a-3d1b2c4d5e6f';
const STUDY_ID = '5a1f7a60-3f4c-4c4e-9a3e-0d7d5a1c2b3d';
const RESULT: StudyResult = {
  schemaVersion: 1,
  StudyInstanceUID: '1.2',
  resultVersion: 1,
  status: 'preliminary',
  triage: {
    requestedPriority: 'routine',
    priority: 'routine',
    flagged: false,
    flaggedFindings: [],
  },
  analysed: false,
  findings: [],
  instances: [],
  models: [],
  software: { name: 'preread', version: '0.0.0' },
  assembledAt: '2026-01-02T10:15:00.000Z',
  disclaimer: DISCLAIMER,
};

const DELIVERY = { deliveryId: DELIVERY_ID, studyId: STUDY_ID, result: RESULT };

interface Received {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

async function receiver(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const requests: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      requests.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      answer(request, response);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    requests,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

function sinkTo(
  url: string,
  secrets: readonly string[] = [SECRET],
  options: Partial<WebhookSinkOptions> = {},
) {
  return createWebhookSink(
    { clock: Date.now },
    {
      name: 'test',
      url,
      secrets,
      timeoutMs: 500,
      userAgent: 'preread-test',
      body: 'thin',
      publicUrl: undefined,
      guard: createAddressGuard([]),
      ...options,
    },
  );
}

async function failure(url: string): Promise<PipelineError> {
  const sink = sinkTo(url);
  try {
    await sink.send(DELIVERY);
  } catch (error) {
    if (error instanceof PipelineError) {
      return error;
    }
    throw error;
  } finally {
    await sink.close();
  }
  throw new Error('expected the delivery to fail');
}

import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { join } from 'node:path';

import { decodeJwt, decodeProtectedHeader } from 'jose';
import { Server } from 'node-hl7-server';
import { describe, expect, it, onTestFinished } from 'vitest';

import { readSourceStudy } from '../../adapters/dicom/read-source-study.js';
import type { FhirAuth } from '../../adapters/fhir/authorize.js';
import { createFhirSink } from '../../adapters/fhir/fhir-sink.js';
import { createMllpSink, type MllpSinkOptions } from '../../adapters/hl7/mllp-sink.js';
import { buildResultBundle } from '../../core/delivery/fhir/result-bundle.js';
import { buildOruMessage } from '../../core/delivery/hl7/oru-message.js';
import type { ResultSink } from '../../core/delivery/result-sink.js';
import { PipelineError } from '../../core/errors.js';
import type { InstanceOutcome } from '../../core/results/outcome.js';
import { fhirValidator } from '../support/fhir-validator.js';
import { freePort } from '../support/free-port.js';
import {
  SAMPLE_DELIVERY,
  SAMPLE_ORU,
  sampleRadiograph,
  sampleReport,
} from '../support/sample-report.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { makeTlsIdentity } from '../support/tls-identity.js';

const DELIVERY = { ...SAMPLE_DELIVERY, result: sampleReport() };
const CONTROL_ID = '0B0E1C1A4B6C4E0E8F5A';

/** A study whose patient has delimiters in the name and a name in ideographs. */
async function source() {
  const path = join(temporaryFolder(), 'radiograph.dcm');
  const PatientName = 'Nguyễn & Sons^Thị|Ánh^^Dr^II=山田^太郎';
  writeFileSync(path, sampleRadiograph({ PatientName, TimezoneOffsetFromUTC: '+0700' }));
  return readSourceStudy(path);
}

describe('ORU^R01', () => {
  it('is the golden message', async () => {
    const message = buildOruMessage(DELIVERY, await source(), SAMPLE_ORU);
    await expect(message.replaceAll('\r', '\n')).toMatchFileSnapshot(
      '../../fixtures/golden/result-oru.hl7',
    );
    expect(
      message
        .split('\r')
        .slice(0, -1)
        .every((line) => /^[A-Z0-9]{3}\|/.test(line)),
    ).toBe(true);
  });

  it('is read back by another implementation, which takes it over MLLP', async () => {
    const port = await freePort();
    const received: string[] = [];
    const inbound = new Server({ bindAddress: '127.0.0.1' }).createInbound(
      { port },
      (request, response) => {
        const message = request.getMessage();
        for (const field of ['MSH.9.1', 'MSH.10', 'PID.5.1', 'PID.3.1', 'OBR.25']) {
          received.push(message.get(field).toString());
        }
        void response.sendResponse('AA');
      },
    );
    onTestFinished(async () => {
      await inbound.close();
    });
    await new Promise((resolve) =>
      inbound.on('listen', () => {
        resolve(undefined);
      }),
    );
    expect(await mllpSink({ port }).send(DELIVERY)).toEqual({ acknowledgment: 'AA' });
    expect(received).toEqual(['ORU', CONTROL_ID, 'Nguyễn & Sons', 'BN-000123', 'P']);
  });
});

describe('MLLP in trouble', () => {
  it.each([
    ['AE', 'delivery-rejected'],
    ['AR', 'delivery-rejected'],
    ['CR', 'delivery-rejected'],
  ])('takes %s for a refusal that no repetition changes', async (code, error) => {
    const { port } = await mllpReceiver((socket) => socket.write(acknowledgment(code)));
    expect(await failure(mllpSink({ port }))).toMatchObject({ code: error });
  });

  it('waits for the acknowledgment of its own message, in however many pieces', async () => {
    const { port } = await mllpReceiver((socket) => {
      socket.write(acknowledgment('AE', 'SOMEBODYELSE'));
      const own = acknowledgment('CA');
      socket.write(own.subarray(0, 9));
      setImmediate(() => socket.write(own.subarray(9)));
    });
    expect(await mllpSink({ port }).send(DELIVERY)).toEqual({ acknowledgment: 'CA' });
  });

  it('repeats the same message when the acknowledgment was lost', async () => {
    const { port, messages } = await mllpReceiver((socket, count) =>
      count === 1 ? socket.destroy() : socket.write(acknowledgment('AA')),
    );
    const sink = mllpSink({ port });
    expect(await failure(sink)).toMatchObject({ code: 'delivery-timeout', failure: 'ambiguous' });
    await sink.send(DELIVERY);
    expect(messages).toHaveLength(2);
    expect(messages[0]).toBe(messages[1]);
  });

  it.each([
    ['is silent', () => undefined, 'delivery-timeout'],
    [
      'pours without end',
      (socket: Socket) => socket.write(Buffer.alloc(200_000, 65)),
      'delivery-failed',
    ],
    ['resets', (socket: Socket) => socket.resetAndDestroy(), 'delivery-timeout'],
  ])('reports a receiver that %s', async (_title, answer, code) => {
    const { port } = await mllpReceiver(answer);
    expect(await failure(mllpSink({ port, timeoutMs: 1_000 }))).toMatchObject({ code });
  });

  it('reports a receiver that is away', async () => {
    const port = await freePort();
    expect(await failure(mllpSink({ port }))).toMatchObject({ code: 'delivery-unreachable' });
  });

  it('talks TLS, and only to a receiver whose certificate it trusts', async () => {
    const { key, cert } = makeTlsIdentity(temporaryFolder());
    const server = createTlsServer({ key, cert }, (socket) => {
      socket.on('error', () => undefined).on('data', () => socket.write(acknowledgment('AA')));
    });
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    expect(await failure(mllpSink({ port, tls: {} }))).toMatchObject({
      code: 'delivery-unreachable',
    });
    expect(await mllpSink({ port, tls: { ca: cert } }).send(DELIVERY)).toEqual({
      acknowledgment: 'AA',
    });
  });
});

describe('the FHIR transaction', () => {
  it('is the golden bundle and valid by the R4 schema, analysed or not', async () => {
    const validator = fhirValidator();
    const patient = await source();
    const bundle = buildResultBundle(sampleReport(), patient, { patientIdentifierSystem: 'urn:x' });
    await expect(`${JSON.stringify(bundle, undefined, 2)}\n`).toMatchFileSnapshot(
      '../../fixtures/golden/result-bundle.json',
    );
    const [image] = sampleReport().instances;
    const outcome: InstanceOutcome = {
      kind: 'not-analysed',
      reason: 'not-frontal',
      detail: '',
      warnings: [],
    };
    const none = buildResultBundle(
      sampleReport({
        analysed: false,
        findings: [],
        models: [],
        instances: [{ ...image!, outcome }],
      }),
      patient,
      { patientIdentifierSystem: undefined },
    );
    for (const { entry } of [bundle, none]) {
      for (const { resource } of entry) {
        expect(validator.validate(resource), resource.resourceType).toEqual([]);
        const status = resource['status'];
        expect(['preliminary', 'available', undefined]).toContain(status);
      }
    }
    expect(JSON.stringify(bundle)).not.toMatch(/Nguyễn|final|bsent/);
  });

  it('is posted with a token, which is asked for once and again when it was refused', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const tokens: URLSearchParams[] = [];
    const authorizations: (string | undefined)[] = [];
    const url = await httpServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        if (request.url === '/token') {
          tokens.push(new URLSearchParams(body));
          response.end(JSON.stringify({ access_token: `t${tokens.length}`, expires_in: 300 }));
          return;
        }
        expect(JSON.parse(body)).toMatchObject({ resourceType: 'Bundle', type: 'transaction' });
        authorizations.push(request.headers.authorization);
        response.writeHead(authorizations.length === 2 ? 401 : 200).end('{}');
      });
    });
    const sink = fhirSink(url, {
      kind: 'smart-backend',
      tokenUrl: `${url}/token`,
      clientId: 'preread',
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      keyId: 'key-1',
      algorithm: 'ES384',
      scope: 'system/*.cu',
    });
    expect(await sink.send(DELIVERY)).toEqual({ status: 200, resources: 6 });
    expect(await failure(sink)).toMatchObject({ code: 'delivery-failed' });
    await sink.send(DELIVERY);
    expect(authorizations).toEqual(['Bearer t1', 'Bearer t1', 'Bearer t2']);
    const assertion = tokens[0]!.get('client_assertion')!;
    expect(decodeProtectedHeader(assertion)).toMatchObject({ alg: 'ES384', kid: 'key-1' });
    expect(decodeJwt(assertion)).toMatchObject({
      iss: 'preread',
      sub: 'preread',
      aud: `${url}/token`,
    });
  });

  it.each([
    [422, 'delivery-rejected'],
    [503, 'delivery-busy'],
    [500, 'delivery-failed'],
    [301, 'delivery-failed'],
  ])('takes the answer %i for %s', async (status, code) => {
    const url = await httpServer((_request, response) => void response.writeHead(status).end());
    expect(await failure(fhirSink(url, undefined))).toMatchObject({ code });
  });

  it('sees an entry that a server refused inside its answer', async () => {
    const entry = [{ response: { status: '201 Created' } }, { response: { status: '412' } }];
    const url = await httpServer((_request, response) => {
      response.end(JSON.stringify({ resourceType: 'Bundle', entry }));
    });
    expect((await failure(fhirSink(url, undefined))).message).toContain('412');
  });
});

function acknowledgment(code: string, controlId = CONTROL_ID): Buffer {
  const text = `MSH|^~\\&|RIS|H|PREREAD|RAD|2026||ACK|1|P|2.5.1\rMSA|${code}|${controlId}\r`;
  return Buffer.from(`\x0b${text}\x1c\r`);
}

async function mllpReceiver(answer: (socket: Socket, count: number) => unknown) {
  const messages: string[] = [];
  const server = createTcpServer((socket) => {
    let text = '';
    socket.on('error', () => undefined);
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += String(chunk);
      if (text.endsWith('\x1c\r')) {
        messages.push(text);
        answer(socket, messages.length);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, messages };
}

async function httpServer(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function mllpSink(options: Partial<MllpSinkOptions>): ResultSink {
  return createMllpSink(
    { readSource: source },
    { ...SAMPLE_ORU, name: 'ris', host: 'localhost', port: 0, timeoutMs: 10_000, ...options },
  );
}

function fhirSink(url: string, auth: FhirAuth): ResultSink {
  const sink = createFhirSink(
    { readSource: source, clock: Date.now },
    {
      name: 'emr',
      url,
      auth,
      timeoutMs: 10_000,
      userAgent: 'preread-test',
      patientIdentifierSystem: undefined,
    },
  );
  onTestFinished(() => sink.close());
  return sink;
}

async function failure(sink: ResultSink): Promise<PipelineError> {
  try {
    await sink.send(DELIVERY);
  } catch (error) {
    if (error instanceof PipelineError) {
      return error;
    }
    throw error;
  }
  throw new Error('expected the delivery to fail');
}

import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { readSourceStudy } from '../../adapters/dicom/read-source-study.js';
import { createStowSink } from '../../adapters/dicomweb/stow-sink.js';
import { createStoreSink } from '../../adapters/dimse/store-sink.js';
import { createFhirSink } from '../../adapters/fhir/fhir-sink.js';
import { createMllpSink } from '../../adapters/hl7/mllp-sink.js';
import { createAddressGuard, type AddressGuard } from '../../adapters/network/address-guard.js';
import { createWebhookSink } from '../../adapters/webhook/webhook-sink.js';
import type { ResultSink } from '../../core/delivery/result-sink.js';
import { PipelineError } from '../../core/errors.js';
import { sampleObjects } from '../support/report-objects.js';
import { sampleRadiograph, sampleReport } from '../support/sample-report.js';
import { temporaryFolder } from '../support/temp-folder.js';

const DELIVERY = {
  deliveryId: '0b0e1c1a-4b6c-4e0e-8f5a-3d1b2c4d5e6f',
  studyId: '5a1f7a60-3f4c-4c4e-9a3e-0d7d5a1c2b3d',
  result: sampleReport(),
};
const clock = Date.now;
const buildObjects = () => sampleObjects(temporaryFolder());
const readSource = () => {
  const path = join(temporaryFolder(), 'radiograph.dcm');
  writeFileSync(path, sampleRadiograph());
  return readSourceStudy(path);
};

interface Place {
  readonly host: string;
  readonly port: number;
  readonly guard: AddressGuard;
}

const common = { name: 'test', timeoutMs: 5_000, userAgent: 'preread-test' };
const urlOf = ({ host, port }: Place) => `http://${host}:${port}/`;
const TITLES = { calledAeTitle: 'ARCHIVE', callingAeTitle: 'PREREAD' };
const ORU = {
  sendingApplication: 'PREREAD',
  sendingFacility: '',
  receivingApplication: '',
  receivingFacility: '',
  processingId: 'T',
} as const;

const SENDERS: Readonly<Record<string, (place: Place) => ResultSink>> = {
  webhook: (place) =>
    createWebhookSink(
      { clock },
      {
        ...common,
        url: urlOf(place),
        guard: place.guard,
        secrets: [`whsec_${Buffer.alloc(24, 7).toString('base64')}`],
        body: 'thin',
        publicUrl: undefined,
      },
    ),
  'STOW-RS': (place) =>
    createStowSink({ clock, buildObjects }, { ...common, url: urlOf(place), guard: place.guard }),
  FHIR: (place) =>
    createFhirSink(
      { clock, readSource },
      {
        ...common,
        url: urlOf(place),
        guard: place.guard,
        auth: undefined,
        patientIdentifierSystem: 'urn:test',
      },
    ),
  MLLP: (place) => createMllpSink({ readSource }, { ...common, ...ORU, ...place }),
  'MLLP over TLS': (place) =>
    createMllpSink({ readSource }, { ...common, ...ORU, ...place, tls: {} }),
  'C-STORE': (place) => createStoreSink({ buildObjects }, { ...common, ...TITLES, ...place }),
  'C-STORE over TLS': (place) =>
    createStoreSink({ buildObjects }, { ...common, ...TITLES, ...place, tls: {} }),
};

async function codeOf(sink: ResultSink): Promise<string> {
  try {
    await sink.send(DELIVERY);
    return 'sent';
  } catch (error) {
    return error instanceof PipelineError ? error.code : String(error);
  } finally {
    await sink.close();
  }
}

it.each(Object.keys(SENDERS))(
  '%s does not connect to an address that is not allowed, nor by a name that stands for one',
  async (name) => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const sinkTo = SENDERS[name]!;
    const site = createAddressGuard([]);
    expect(await codeOf(sinkTo({ host: '10.1.2.3', port, guard: site }))).toBe(
      'delivery-forbidden',
    );
    // As if the name stood for an address of a private network.
    const lookup: AddressGuard['lookup'] = (_host, _options, callback) => {
      callback(new PipelineError('delivery-forbidden'), '', 0);
    };
    const pretending = { ...site, lookup };
    expect(await codeOf(sinkTo({ host: 'localhost', port, guard: pretending }))).toBe(
      'delivery-forbidden',
    );
    expect(connections).toBe(0);
    expect(await codeOf(sinkTo({ host: '127.0.0.1', port, guard: site }))).not.toBe(
      'delivery-forbidden',
    );
    expect(connections).toBeGreaterThan(0);
  },
);

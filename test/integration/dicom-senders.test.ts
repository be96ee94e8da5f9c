import { createServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';

import dicomParser, { type DataSet } from 'dicom-parser';
import { describe, expect, it, onTestFinished } from 'vitest';

import { createStowSink } from '../../adapters/dicomweb/stow-sink.js';
import { createStoreSink, type StoreSinkOptions } from '../../adapters/dimse/store-sink.js';
import type { ResultObjectFile } from '../../core/delivery/dicom/result-object.js';
import { PipelineError } from '../../core/errors.js';
import type { ResultSink } from '../../core/delivery/result-sink.js';
import { freePort } from '../support/free-port.js';
import { startOrthanc } from '../support/orthanc-server.js';
import { describeWithPeer } from '../support/peers.js';
import { sampleObjects } from '../support/report-objects.js';
import { sampleReport } from '../support/sample-report.js';
import { startScriptedScp, type ScpScript } from '../support/scripted-scp.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { makeTlsIdentity } from '../support/tls-identity.js';

const DELIVERY = {
  deliveryId: '0b0e1c1a-4b6c-4e0e-8f5a-3d1b2c4d5e6f',
  studyId: '5a1f7a60-3f4c-4c4e-9a3e-0d7d5a1c2b3d',
  result: sampleReport(),
};

describeWithPeer('orthanc', 'Orthanc as the archive', (peer) => {
  it.each(['STOW-RS', 'C-STORE'])(
    'gives back unchanged what it got by %s, and has it once when it comes twice',
    async (way) => {
      const objects = await builtObjects();
      const orthanc = await startOrthanc(peer, temporaryFolder(), {});
      onTestFinished(() => orthanc.stop());
      const sink =
        way === 'STOW-RS'
          ? stowSink(`${orthanc.url}/dicom-web`, objects)
          : storeSink({ port: orthanc.dicomPort, calledAeTitle: 'ORTHANC' }, objects);
      expect(await sink.send(DELIVERY)).toMatchObject({ objects: 4 });
      expect(await sink.send(DELIVERY)).toMatchObject({ objects: 4 });

      const ids = (await (await fetch(`${orthanc.url}/instances`)).json()) as string[];
      expect(ids).toHaveLength(4);
      const stored = await Promise.all(
        ids.map(async (id) => {
          const response = await fetch(`${orthanc.url}/instances/${id}/file`);
          return dataSetOf(Buffer.from(await response.arrayBuffer())).toString('base64');
        }),
      );
      const sent = objects.map(({ bytes }) => dataSetOf(bytes).toString('base64'));
      expect(stored.sort()).toEqual(sent.sort());
    },
  );
});

describe('C-STORE in trouble', () => {
  it('sends everything again after an abort in the middle; the archive has each object once', async () => {
    const { sink, scp } = await toScript((store) => (store === 1 ? 'abort' : 0));
    expect(await failure(sink)).toMatchObject({ code: 'delivery-timeout', failure: 'ambiguous' });
    await sink.send(DELIVERY);
    expect(new Set(scp.stored.map(({ SOPInstanceUID }) => SOPInstanceUID)).size).toBe(4);
  });

  it.each<[string, ScpScript, string]>([
    ['resets the connection', () => 'reset', 'delivery-timeout'],
    ['falls silent', () => 'silence', 'delivery-timeout'],
    ['has no room', () => 0xa700, 'delivery-failed'],
    ['refuses the object', () => 0xa900, 'delivery-rejected'],
  ])('reports a peer that %s', async (_title, script, code) => {
    const { sink } = await toScript(script);
    expect(await failure(sink)).toMatchObject({ code });
  });

  it.each([
    ['has the object already', 0x0111],
    ['changed an element', 0xb000],
  ])('is content with a peer that %s', async (_title, status) => {
    const { sink } = await toScript(() => status);
    expect(await sink.send(DELIVERY)).toEqual({ objects: 4 });
  });

  it('sends in Implicit VR what a peer takes in nothing else, element by element the same', async () => {
    const objects = await builtObjects();
    const only = { transferSyntaxes: ['1.2.840.10008.1.2'] };
    const scp = await startScriptedScp(() => 0, only);
    onTestFinished(() => scp.close());
    await storeSink({ port: scp.port }, objects).send(DELIVERY);
    expect(scp.stored).toHaveLength(objects.length);
    for (const [index, { dataSet, transferSyntax, SOPInstanceUID }] of scp.stored.entries()) {
      expect(transferSyntax).toBe('1.2.840.10008.1.2');
      expect(SOPInstanceUID).toBe(objects[index]?.SOPInstanceUID);
      const explicit = dicomParser.parseDicom(objects[index]!.bytes);
      const sequences = sequenceTags(explicit);
      const vrCallback = (tag: string) => (sequences.has(tag) ? 'SQ' : 'UN');
      const implicit = dicomParser.parseDicom(dataSet, {
        TransferSyntaxUID: transferSyntax,
        vrCallback,
      });
      expect(values(implicit)).toEqual(values(explicit));
    }
  });

  it('reports a peer that takes none of the syntaxes, for good', async () => {
    const scp = await startScriptedScp(() => 0, { transferSyntaxes: ['1.2.840.10008.1.2.4.50'] });
    onTestFinished(() => scp.close());
    const sink = storeSink({ port: scp.port }, await builtObjects());
    expect(await failure(sink)).toMatchObject({ code: 'delivery-rejected' });
  });

  it('talks over TLS only to a peer whose certificate it trusts', async () => {
    const { key, cert } = makeTlsIdentity(temporaryFolder());
    const objects = await builtObjects();
    const scp = await startScriptedScp(() => 0, { tls: { key, cert } });
    onTestFinished(() => scp.close());
    const place = { host: 'localhost', port: scp.port };
    expect(await failure(storeSink({ ...place, tls: {} }, objects))).toMatchObject({
      code: 'delivery-unreachable',
    });
    expect(scp.stored).toEqual([]);
    expect(await storeSink({ ...place, tls: { ca: cert } }, objects).send(DELIVERY)).toEqual({
      objects: 4,
    });
  });

  it('reports a peer that is away, and one that is not there at all', async () => {
    const objects = await builtObjects();
    const away = storeSink({ port: await freePort() }, objects);
    expect(await failure(away)).toMatchObject({ code: 'delivery-unreachable' });
    const mute = createTcpServer();
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void mute.close());
    const { port } = mute.address() as AddressInfo;
    expect(await failure(storeSink({ port }, objects))).toMatchObject({
      code: 'delivery-unreachable',
    });
  });
});

describe('STOW-RS in trouble', () => {
  it.each([
    [500, 'delivery-failed'],
    [503, 'delivery-busy'],
    [400, 'delivery-rejected'],
    [302, 'delivery-failed'],
  ])('takes the answer %i for %s', async (status, code) => {
    const sink = await toHttp((_request, response) => response.writeHead(status).end());
    expect(await failure(sink)).toMatchObject({ code });
  });

  it('understands a partial failure, and whether trying again may help', async () => {
    const objects = await builtObjects();
    for (const [reason, code] of [
      [0xa700, 'delivery-failed'],
      [0x0122, 'delivery-rejected'],
    ] as const) {
      const sink = await toHttp((_request, response) => {
        response.writeHead(202, { 'content-type': 'application/dicom+json' });
        response.end(
          JSON.stringify({
            '00081199': { vr: 'SQ', Value: [reference(objects[0]!)] },
            '00081198': {
              vr: 'SQ',
              Value: [{ ...reference(objects[1]!), '00081197': { vr: 'US', Value: [reason] } }],
            },
          }),
        );
      }, objects);
      const error = await failure(sink);
      expect(error).toMatchObject({ code });
      expect(error.message).toContain('1 of 4 objects');
    }
  });

  it('reports an archive that is silent, or breaks off', async () => {
    expect(await failure(await toHttp(() => undefined))).toMatchObject({
      code: 'delivery-timeout',
    });
    const reset = await toHttp((request) => request.socket.destroy());
    expect(await failure(reset)).toMatchObject({ failure: 'ambiguous' });
  });

  it('talks only to an archive whose certificate it trusts', async () => {
    const { key, cert } = makeTlsIdentity(temporaryFolder());
    const objects = await builtObjects();
    const server = createHttpsServer({ key, cert }, (request, response) => {
      request.resume().on('end', () => response.writeHead(200).end());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `https://localhost:${(server.address() as AddressInfo).port}`;
    expect(await failure(stowSink(url, objects))).toMatchObject({ code: 'delivery-unreachable' });
    expect(await stowSink(url, objects, { ca: cert }).send(DELIVERY)).toMatchObject({
      status: 200,
    });
  });
});

/** Built once: the archive's side is what is tested here. */
let built: readonly ResultObjectFile[] | undefined;
async function builtObjects(): Promise<readonly ResultObjectFile[]> {
  return (built ??= await sampleObjects(temporaryFolder()));
}

async function toScript(script: ScpScript) {
  const objects = await builtObjects();
  const scp = await startScriptedScp(script);
  onTestFinished(() => scp.close());
  return { scp, sink: storeSink({ port: scp.port }, objects) };
}

async function toHttp(
  answer: RequestListener,
  objects?: readonly ResultObjectFile[],
): Promise<ResultSink> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return stowSink(url, objects ?? (await builtObjects()));
}

function stowSink(
  url: string,
  objects: readonly ResultObjectFile[],
  tls?: { readonly ca: Buffer },
): ResultSink {
  const sink = createStowSink(
    { buildObjects: () => Promise.resolve(objects), clock: Date.now },
    { name: 'archive', url, timeoutMs: 5_000, userAgent: 'preread-test', tls },
  );
  onTestFinished(() => sink.close());
  return sink;
}

function storeSink(
  options: Partial<StoreSinkOptions>,
  objects: readonly ResultObjectFile[],
): ResultSink {
  return createStoreSink(
    { buildObjects: () => Promise.resolve(objects) },
    {
      name: 'archive',
      host: '127.0.0.1',
      port: 0,
      calledAeTitle: 'ARCHIVE',
      callingAeTitle: 'PREREAD',
      timeoutMs: 3_000,
      ...options,
    },
  );
}

function reference({ SOPInstanceUID }: ResultObjectFile) {
  return { '00081155': { vr: 'UI', Value: [SOPInstanceUID] } };
}

function sequenceTags({ elements }: DataSet): ReadonlySet<string> {
  return new Set(
    Object.values(elements).flatMap(({ tag, items }) =>
      items === undefined
        ? []
        : [tag, ...items.flatMap(({ dataSet }) => (dataSet ? [...sequenceTags(dataSet)] : []))],
    ),
  );
}

/** Elements of the data set with their bytes, sequences as the elements of their items. */
function values({ elements, byteArray }: DataSet): unknown {
  return Object.entries(elements)
    .filter(([tag]) => !tag.startsWith('x0002'))
    .map(([tag, { items, dataOffset, length }]) => [
      tag,
      items?.map(({ dataSet }) => dataSet && values(dataSet)) ??
        Buffer.from(byteArray.subarray(dataOffset, dataOffset + length)).toString('base64'),
    ]);
}

/** Archives write File Meta Information of their own. */
function dataSetOf(part10: Buffer): Buffer {
  return part10.subarray(144 + part10.readUInt32LE(140));
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

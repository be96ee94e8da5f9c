import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import sharp from 'sharp';
import { request as rawRequest } from 'undici';
import { beforeAll, describe, expect, it } from 'vitest';

import { DECODABLE_TRANSFER_SYNTAXES } from '../../adapters/dicom/decoders/registry.js';
import { readDicom } from '../../adapters/dicom/read-dicom.js';
import { useIngestServer } from '../support/ingest-fixture.js';
import type { IngestServer } from '../support/ingest-server.js';
import { partsOf } from '../support/multipart-parts.js';
import { startOrthanc } from '../support/orthanc-server.js';
import { describeWithPeer } from '../support/peers.js';
import { storeReportedStudy } from '../support/reported-study.js';
import { REPORT_UIDS, sampleRadiograph } from '../support/sample-report.js';
import type { TestStudies } from '../support/studies.js';
import { temporaryFolder } from '../support/temp-folder.js';

const { StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID } = REPORT_UIDS;
const SERIES = `${StudyInstanceUID}/series/${SeriesInstanceUID}`;
const INSTANCE = `${SERIES}/instances/${SOPInstanceUID}`;
const OCTETS = 'multipart/related; type="application/octet-stream"';
const JPEG_LS = '1.2.840.10008.1.2.4.80';

const radiograph = sampleRadiograph();
const samples = nativeSamples(radiograph);

const fixture = useIngestServer(() => ({
  decodable: DECODABLE_TRANSFER_SYNTAXES,
}));
let database: TestStudies;
let server: IngestServer;

beforeAll(async () => {
  ({ database, server } = fixture());
  await storeReportedStudy(server, database.studies, radiograph);
});

const get = (path: string, accept?: string) =>
  fetch(`${server.url}/dicom-web/studies/${path}`, {
    headers: accept === undefined ? {} : { Accept: accept },
  });

function nativeSamples(file: Uint8Array): Buffer {
  const { pixelData } = readDicom(file);
  if (pixelData.kind !== 'native') {
    throw new Error('the file is compressed');
  }
  return Buffer.from(pixelData.bytes);
}

/** Grey levels of a PNG or JPEG and its size. */
async function picture(response: Response) {
  expect(response.status).toBe(200);
  const image = sharp(Buffer.from(await response.arrayBuffer()));
  const { format } = await image.metadata();
  const { data, info } = await image.greyscale().raw().toBuffer({ resolveWithObject: true });
  return { format, data, width: info.width, height: info.height };
}

describe('frames', () => {
  it('are the samples in explicit little endian by default', async () => {
    const response = await get(`${INSTANCE}/frames/1`);
    expect(response.status).toBe(200);
    const [part] = await partsOf(response);
    expect(part?.contentType).toBe('application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1');
    expect(part?.bytes.equals(samples)).toBe(true);
  });

  it('come alone, without parts, for who accepts that', async () => {
    const response = await get(`${INSTANCE}/frames/1`, 'application/octet-stream');
    expect(Buffer.from(await response.arrayBuffer()).equals(samples)).toBe(true);
  });

  it('are all at the URL that metadata names', async () => {
    const [metadata] = (await (await get(`${INSTANCE}/metadata`)).json()) as {
      '7FE00010': { vr: string; BulkDataURI: string };
    }[];
    const { vr, BulkDataURI } = metadata!['7FE00010'];
    expect(vr).toBe('OW');
    const [part] = await partsOf(await fetch(BulkDataURI));
    expect(part?.bytes.equals(samples)).toBe(true);
  });

  it.each([
    [`${INSTANCE}/frames/2`, undefined, 404],
    [`${INSTANCE}/frames/1,2`, undefined, 404],
    [`${INSTANCE}/frames/0`, undefined, 400],
    [`${INSTANCE}/frames/1,x`, undefined, 400],
    [`${SERIES}/instances/1.2.9/frames/1`, undefined, 404],
    [`${INSTANCE}/bulkdata/00282000`, undefined, 404],
    [`${INSTANCE}/frames/1`, 'multipart/related; type="image/jp2"', 406],
    [`${INSTANCE}/frames/1/rendered`, 'video/mp4', 406],
    [`${INSTANCE}/frames/2/rendered`, undefined, 404],
    [`${INSTANCE}/frames/1,1/rendered`, 'image/png', 406],
    [`${INSTANCE}/rendered?viewport=10`, undefined, 400],
    [`${INSTANCE}/rendered?viewport=10,10,64`, undefined, 400],
    [`${INSTANCE}/rendered?viewport=10,10,64,0`, undefined, 400],
    [`${INSTANCE}/rendered?annotation=patient`, undefined, 400],
    [`${INSTANCE}/thumbnail?window=1,2,linear`, undefined, 400],
    ['1.2.9/thumbnail', undefined, 404],
  ])('%s with Accept %s answers %i', async (path, accept, status) => {
    expect((await get(path, accept)).status).toBe(status);
  });
});

describe('a rendered image', () => {
  it('goes through the greyscale chain with the window of the image', async () => {
    const { format, data, width, height } = await picture(
      await get(`${INSTANCE}/rendered`, 'image/png'),
    );
    expect([format, width, height]).toEqual(['png', 64, 64]);
    // Window 2000/4000 over values of 0 to 3780 in steps of 60 along a row. PS3.3 C.11.2.1.2.1.
    const expected = Array.from({ length: 64 }, (_, column) =>
      Math.round(255 * ((column * 60 - 1999.5) / 3999 + 0.5)),
    );
    expect([...data.subarray(0, 64)]).toEqual(expected);
  });

  it('takes another window, another size and a part, and is flipped by a negative side', async () => {
    const query = 'window=1800,1,linear&viewport=64,32,0,0,-64,32';
    const { data, width, height } = await picture(
      await get(`${INSTANCE}/rendered?${query}`, 'image/png'),
    );
    expect([width, height]).toEqual([64, 32]);
    // Values of 1800 and more are white: columns from 30 on, which stand on the left now.
    const row = [...data.subarray(0, 64)];
    expect(row.slice(0, 34)).toEqual(Array(34).fill(255));
    expect(row.slice(34)).toEqual(Array(30).fill(0));
  });

  it('is JPEG by default, smaller by quality', async () => {
    const sizes: number[] = [];
    for (const quality of [100, 10]) {
      const response = await get(`${INSTANCE}/rendered?quality=${quality}`);
      expect(response.headers.get('content-type')).toBe('image/jpeg');
      const bytes = Buffer.from(await response.arrayBuffer());
      expect((await sharp(bytes).metadata()).format).toBe('jpeg');
      sizes.push(bytes.length);
    }
    expect(sizes[1]).toBeLessThan(sizes[0]!);
  });

  it.each([StudyInstanceUID, SERIES, INSTANCE, `${INSTANCE}/frames/1`])(
    'stands for %s, and is its thumbnail',
    async (path) => {
      const rendered = await picture(await get(`${path}/rendered`, 'image/*'));
      expect([rendered.width, rendered.height]).toEqual([64, 64]);
      const thumbnail = await picture(await get(`${path}/thumbnail?viewport=20,40`, 'image/png'));
      expect([thumbnail.format, thumbnail.width, thumbnail.height]).toEqual(['png', 20, 20]);
      const parts = await partsOf(
        await get(`${path}/rendered?accept=multipart/related;type=image/png`),
      );
      // The study has a summary page too.
      expect(parts.map(({ contentType }) => contentType)).toEqual(
        Array(path === StudyInstanceUID ? 2 : 1).fill('image/png'),
      );
    },
  );

  it('is not made again for who has it', async () => {
    const path = `${server.url}/dicom-web/studies/${INSTANCE}/thumbnail`;
    const etag = (await fetch(path)).headers.get('etag') ?? '';
    const again = await rawRequest(path, { headers: { 'if-none-match': etag } });
    await again.body.dump();
    expect(again.statusCode).toBe(304);
    const other = await rawRequest(`${path}?viewport=9,9`, { headers: { 'if-none-match': etag } });
    await other.body.dump();
    expect(other.statusCode).toBe(200);
  });
});

describeWithPeer('dcmtk', 'an object that DCMTK has compressed', (dcmtk) => {
  it('is given as it is stored, and decoded', async () => {
    const plain = join(temporaryFolder(), 'plain.dcm');
    const compressed = `${plain}.jls`;
    const uid = '2.25.104';
    await writeFile(plain, sampleRadiograph({ SOPInstanceUID: uid }));
    execFileSync(dcmtk.program('dcmcjpls'), ['+un', plain, compressed]);
    const bytes = await readFile(compressed);
    const { header, pixelData } = readDicom(bytes);
    expect(header.TransferSyntaxUID).toBe(JPEG_LS);
    const { status } = await server.post('/dicom-web/studies', bytes, {
      'Content-Type': 'application/dicom',
    });
    expect(status).toBe(200);
    const frame = `${SERIES}/instances/${uid}/frames/1`;

    const [stored] = await partsOf(await get(frame, `${OCTETS}; transfer-syntax=*`));
    expect(stored?.contentType).toBe(`application/octet-stream; transfer-syntax=${JPEG_LS}`);
    expect(pixelData.kind === 'encapsulated' && stored?.bytes.equals(pixelData.fragments[0]!)).toBe(
      true,
    );
    const [jls] = await partsOf(await get(frame, 'multipart/related; type="image/jls"'));
    expect(jls?.bytes.equals(stored!.bytes)).toBe(true);

    const [decoded] = await partsOf(await get(frame, OCTETS));
    expect(decoded?.contentType).toContain('1.2.840.10008.1.2.1');
    expect(decoded?.bytes.equals(samples)).toBe(true);

    const all = await partsOf(await get(`${SERIES}/rendered`, 'multipart/related; type=image/png'));
    expect(all).toHaveLength(2);
    expect(all[0]?.bytes.equals(all[1]!.bytes)).toBe(true);
  });
});

describeWithPeer('orthanc', 'Orthanc as the client', (peer) => {
  it('finds the study by QIDO-RS and pulls it by WADO-RS, byte for byte', async () => {
    const orthanc = await startOrthanc(peer, temporaryFolder(), {
      preread: `${server.url}/dicom-web/`,
    });
    try {
      const found = await orthanc.qido('preread', '/studies', { PatientID: 'BN-000123' });
      expect(found).toMatchObject([{ '0020000D': { Value: [StudyInstanceUID] } }]);
      await orthanc.retrieve('preread', StudyInstanceUID);
      const file = await fetch(`${orthanc.url}/dicom-web/studies/${INSTANCE}`, {
        headers: { Accept: 'multipart/related; type=application/dicom' },
      });
      const [part] = await partsOf(file);
      expect(nativeSamples(part!.bytes).equals(samples)).toBe(true);
    } finally {
      await orthanc.stop();
    }
  });
});

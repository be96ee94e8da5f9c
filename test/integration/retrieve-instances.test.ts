import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import { chestFile } from '../support/build-dicom.js';
import { useIngestServer } from '../support/ingest-fixture.js';
import type { IngestServer } from '../support/ingest-server.js';
import { partsOf } from '../support/multipart-parts.js';
import { describeWithPeer } from '../support/peers.js';

const NAME = 'Nguyễn^Thị Ánh';
const first = chestFile({
  '00080005': ['CS', 'ISO_IR 192'],
  '00100010': ['PN', Buffer.from(`${NAME} `)],
  '00280030': ['DS', '0.15\\0.15'],
});
const second = chestFile({ '00080018': ['UI', '1.2.3.4.6'], '0020000e': ['UI', '1.2.3.5'] });

const fixture = useIngestServer();
let folder: string;
let server: IngestServer;

beforeAll(async () => {
  ({ folder, server } = fixture());
  for (const bytes of [first, second]) {
    const { status } = await server.post('/dicom-web/studies', bytes, {
      'Content-Type': 'application/dicom',
    });
    expect(status).toBe(200);
  }
});

const get = (path: string, accept?: string) =>
  fetch(`${server.url}/dicom-web/studies/${path}`, {
    headers: accept === undefined ? {} : { Accept: accept },
  });

describe('WADO-RS', () => {
  it.each([
    ['1.2.3', [first, second]],
    ['1.2.3/series/1.2.3.4', [first]],
    ['1.2.3/series/1.2.3.5/instances/1.2.3.4.6', [second]],
  ])('gives the objects of %s byte for byte', async (path, objects) => {
    const response = await get(path, 'multipart/related; type="application/dicom"');
    expect(response.status).toBe(200);
    const parts = await partsOf(response);
    expect(parts.map(({ bytes }) => objects.findIndex((object) => object.equals(bytes)))).toEqual(
      objects.map((_, index) => index),
    );
    expect(new Set(parts.map(({ contentType }) => contentType))).toEqual(
      new Set(['application/dicom']),
    );
  });

  it('gives metadata as DICOM JSON, with Vietnamese names', async () => {
    const response = await get('1.2.3/metadata', 'application/dicom+json');
    expect(response.headers.get('content-type')).toContain('application/dicom+json');
    const [one, two] = (await response.json()) as Record<string, unknown>[];
    expect(one).toMatchObject({
      '00080018': { vr: 'UI', Value: ['1.2.3.4.5'] },
      '00100010': { vr: 'PN', Value: [{ Alphabetic: NAME }] },
      '00280010': { vr: 'US', Value: [3] },
      '00280030': { vr: 'DS', Value: [0.15, 0.15] },
    });
    expect(one?.['7FE00010']).toEqual({
      vr: 'OW',
      BulkDataURI: `${server.url}/dicom-web/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/bulkdata/7FE00010`,
    });
    expect(two).toMatchObject({ '00080018': { Value: ['1.2.3.4.6'] } });
  });

  it.each([
    ['1.2.9', undefined, 404],
    ['1.2.3/series/1.2.9', undefined, 404],
    ['not-a-uid/metadata', undefined, 404],
    ['1.2.3', 'image/png', 406],
    ['1.2.3', 'application/dicom', 406],
    ['1.2.3/metadata', 'application/xml', 406],
  ])('answers %s for %s with %s', async (path, accept, status) => {
    expect((await get(path, accept)).status).toBe(status);
  });
});
describe('QIDO-RS', () => {
  const search = async (path: string) => {
    const response = await fetch(`${server.url}/dicom-web/studies${path}`);
    const text = await response.text();
    return { status: response.status, found: response.ok ? (JSON.parse(text) as unknown[]) : [] };
  };

  it('finds a study with what a list of studies shows', async () => {
    const { found } = await search('?PatientName=nguy%E1%BB%85n*&limit=10&includefield=all');
    expect(found).toEqual([
      expect.objectContaining({
        '00080061': { vr: 'CS', Value: ['CR'] },
        '00100010': { vr: 'PN', Value: [{ Alphabetic: NAME }] },
        '0020000D': { vr: 'UI', Value: ['1.2.3'] },
        '00201206': { vr: 'IS', Value: [2] },
        '00201208': { vr: 'IS', Value: [2] },
      }),
    ]);
  });

  it.each([
    ['?StudyInstanceUID=1.2.3', 1],
    ['?0020000D=1.2.9', 0],
    ['?ModalitiesInStudy=DX', 0],
    ['?offset=1', 0],
    ['?StudyDate=20260101-', 0],
    ['/1.2.3/series', 2],
    ['/1.2.3/series?SeriesInstanceUID=1.2.3.5', 1],
    ['/1.2.3/series/1.2.3.4/instances?Rows=3', 1],
    ['/1.2.9/series', 0],
  ])('%s finds %i', async (path, count) => {
    const { status, found } = await search(path);
    expect(status).toBe(200);
    expect(found).toHaveLength(count);
  });

  it.each(['?limit=x', '?Unknown=1', '?PatientID=1&PatientID=2', '?constructor=1'])(
    'refuses %s',
    async (path) => {
      expect((await search(path)).status).toBe(400);
    },
  );
});

describeWithPeer('dcmtk', 'WADO-RS with DCMTK', (dcmtk) => {
  it('gives one instance as a file that DCMTK reads', async () => {
    const response = await get('1.2.3/series/1.2.3.4/instances/1.2.3.4.5', 'application/dicom');
    const file = join(folder, 'retrieved.dcm');
    await writeFile(file, Buffer.from(await response.arrayBuffer()));
    expect(execFileSync(dcmtk.program('dcmdump'), ['+U8', file], { encoding: 'utf8' })).toContain(
      NAME,
    );
  });
});

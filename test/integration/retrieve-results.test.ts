import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';

import type { DicomJson } from '../../adapters/dicom/dicom-json.js';
import { objectUid, seriesUid } from '../../core/delivery/dicom/result-object.js';
import { READABLE_OBJECTS } from '../../core/delivery/result-objects.js';
import { useIngestServer } from '../support/ingest-fixture.js';
import type { IngestServer } from '../support/ingest-server.js';
import { partsOf } from '../support/multipart-parts.js';
import { startOrthanc } from '../support/orthanc-server.js';
import { describeWithPeer } from '../support/peers.js';
import { storeReportedStudy } from '../support/reported-study.js';
import { REPORT_UIDS, sampleRadiograph, sampleReport } from '../support/sample-report.js';
import type { TestStudies } from '../support/studies.js';
import { temporaryFolder } from '../support/temp-folder.js';

const { StudyInstanceUID, SOPInstanceUID } = REPORT_UIDS;
const RESULT = sampleReport();
const MADE = READABLE_OBJECTS.map((kind) => ({
  kind,
  series: seriesUid(kind, RESULT),
  uid: objectUid(
    kind,
    RESULT,
    { gsps: SOPInstanceUID, sc: 'en', sr: undefined, kos: undefined }[kind],
  ),
}));
const pathOf = (kind: string): string => {
  const { series, uid } = MADE.find((one) => one.kind === kind)!;
  return `${StudyInstanceUID}/series/${series}/instances/${uid}`;
};

const fixture = useIngestServer();
let folder: string;
let database: TestStudies;
let server: IngestServer;
let study: Awaited<ReturnType<typeof storeReportedStudy>>;

beforeAll(async () => {
  ({ folder, database, server } = fixture());
  study = await storeReportedStudy(server, database.studies);
});

const get = (path: string, accept?: string) =>
  fetch(`${server.url}/dicom-web/studies${path}`, {
    headers: accept === undefined ? {} : { Accept: accept },
  });
const search = async (path: string) => (await (await get(path)).json()) as DicomJson[];
const valuesOf = (found: readonly DicomJson[], tag: string) =>
  found.map((one) => one[tag]?.Value?.[0]);

describe('the objects that a result makes', () => {
  it('are found in their study, each in a series of its own', async () => {
    const [found] = await search(`?StudyInstanceUID=${StudyInstanceUID}&ModalitiesInStudy=SR`);
    expect(found).toMatchObject({
      '00080061': { Value: ['DX', 'SR', 'OT', 'KO', 'PR'] },
      '00201206': { Value: [5] },
      '00201208': { Value: [5] },
    });
    const series = await search(`/${StudyInstanceUID}/series`);
    expect(valuesOf(series, '0020000E').slice(1)).toEqual(MADE.map((one) => one.series));
    expect(valuesOf(series, '00201209')).toEqual([1, 1, 1, 1, 1]);
    const [sr] = MADE;
    const instances = await search(`/${StudyInstanceUID}/series/${sr!.series}/instances`);
    expect(valuesOf(instances, '00080018')).toEqual([sr!.uid]);
  });

  it('are retrieved with it, the same bytes each time', async () => {
    const whole = await partsOf(await get(`/${StudyInstanceUID}`));
    expect(whole).toHaveLength(5);
    expect(whole[0]?.bytes.equals(sampleRadiograph())).toBe(true);
    for (const [index, { kind }] of MADE.entries()) {
      const alone = await get(`/${pathOf(kind)}`, 'application/dicom');
      expect(alone.status).toBe(200);
      const bytes = Buffer.from(await alone.arrayBuffer());
      expect(bytes.equals(whole[index + 1]!.bytes), kind).toBe(true);
    }
    const metadata = (await (await get(`/${StudyInstanceUID}/metadata`)).json()) as DicomJson[];
    expect(valuesOf(metadata, '00080018').slice(1)).toEqual(MADE.map(({ uid }) => uid));
    expect(metadata.map((one) => '7FE00010' in one)).toEqual([true, false, true, false, false]);
  });

  it('have a picture when they are one: the summary page in its colours', async () => {
    const page = await get(`/${pathOf('sc')}/rendered`, 'image/png');
    expect(page.status).toBe(200);
    const image = sharp(Buffer.from(await page.arrayBuffer()));
    expect(await image.metadata()).toMatchObject({ width: 1280, height: 960, channels: 3 });
    const { channels } = await image.stats();
    // Nothing would be on a blank page, and all channels the same on a grey one.
    expect(channels[0]!.max).toBeGreaterThan(200);
    expect(channels[0]!.mean).not.toBe(channels[2]!.mean);
    expect((await get(`/${pathOf('sr')}/rendered`)).status).toBe(406);
    expect((await get(`/${pathOf('sr')}/frames/1`)).status).toBe(404);
    const all = await get(`/${StudyInstanceUID}/rendered`, 'multipart/related; type="image/jpeg"');
    expect(await partsOf(all)).toHaveLength(2);
  });

  it('are looked up by UID, however many studies came since', async () => {
    const found = await get(`?StudyInstanceUID=1.2.999,${StudyInstanceUID}`);
    expect(found.headers.get('warning')).toBeNull();
    expect(valuesOf((await found.json()) as DicomJson[], '0020000D')).toEqual([StudyInstanceUID]);
    expect(await search(`?StudyInstanceUID=${StudyInstanceUID}&PatientID=nobody`)).toEqual([]);
  });
});

describeWithPeer('dcmtk', 'DCMTK', (dcmtk) => {
  it('reads the report that was retrieved', async () => {
    const file = join(folder, 'report.dcm');
    const response = await get(`/${pathOf('sr')}`, 'application/dicom');
    await writeFile(file, Buffer.from(await response.arrayBuffer()));
    const dump = execFileSync(dcmtk.program('dsrdump'), [file], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(dump).toContain('Pneumothorax');
  });
});

describeWithPeer('orthanc', 'Orthanc as the client', (peer) => {
  it('pulls image, report and summary page of the study', async () => {
    const orthanc = await startOrthanc(peer, temporaryFolder(), {
      preread: `${server.url}/dicom-web/`,
    });
    try {
      await orthanc.retrieve('preread', StudyInstanceUID);
      const response = await fetch(
        `${orthanc.url}/dicom-web/studies/${StudyInstanceUID}/instances?includefield=00080018`,
      );
      const found = (await response.json()) as DicomJson[];
      expect(new Set(valuesOf(found, '00080018'))).toEqual(
        new Set([SOPInstanceUID, ...MADE.map(({ uid }) => uid)]),
      );
    } finally {
      await orthanc.stop();
    }
  });
});

// Last: it changes the study.
describe('an amended result', () => {
  it('has other objects in place of the first', async () => {
    const amended = await study.amend();
    const series = seriesUid('sr', amended);
    const instances = await search(`/${StudyInstanceUID}/series/${series}/instances`);
    expect(valuesOf(instances, '00080018')).toEqual([objectUid('sr', amended)]);
    expect((await get(`/${pathOf('sr')}`)).status).toBe(404);
  });
});

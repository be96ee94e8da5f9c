import { readFile } from 'node:fs/promises';

import { beforeAll, describe, expect, it } from 'vitest';

import type { Elements } from '../support/build-dicom.js';
import { BOUNDARY, CLOSE, multipart, newChest } from '../support/chest-sender.js';
import { objectCount, MULTI, SINGLE, STUDIES, useIngestServer } from '../support/ingest-fixture.js';
import type { IngestServer } from '../support/ingest-server.js';
import type { TestStudies } from '../support/studies.js';
import { instancesOf } from '../support/studies-fixture.js';

const fixture = useIngestServer();
let database: TestStudies;
let server: IngestServer;

beforeAll(() => {
  ({ database, server } = fixture());
});

async function storedBytes(StudyInstanceUID: string): Promise<Buffer[]> {
  const instances = await instancesOf(database, StudyInstanceUID);
  return Promise.all(instances.map(({ objectKey }) => readFile(server.objects.path(objectKey))));
}

describe('store', () => {
  it('stores the objects of a multipart request as received, and says where each is', async () => {
    const first = newChest();
    const second = newChest({ StudyInstanceUID: first.StudyInstanceUID });
    const { status, text } = await server.post(
      STUDIES,
      multipart(first.bytes, second.bytes),
      MULTI,
    );
    expect(status).toBe(200);
    const url = `${server.url}/dicom-web/studies/${first.StudyInstanceUID}`;
    const reference = ({ SeriesInstanceUID, SOPInstanceUID }: typeof first) => ({
      '00081150': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.1'] },
      '00081155': { vr: 'UI', Value: [SOPInstanceUID] },
      '00081190': {
        vr: 'UR',
        Value: [`${url}/series/${SeriesInstanceUID}/instances/${SOPInstanceUID}`],
      },
    });
    expect(JSON.parse(text)).toEqual({
      '00081190': { vr: 'UR', Value: [url] },
      '00081199': { vr: 'SQ', Value: [reference(first), reference(second)] },
    });
    const bytes = await storedBytes(first.StudyInstanceUID);
    expect(bytes).toHaveLength(2);
    expect(bytes).toEqual(expect.arrayContaining([first.bytes, second.bytes]));
  });

  it('stores one object sent without multipart', async () => {
    const { bytes, ...chest } = newChest();
    const { status, answer } = await server.post(STUDIES, bytes, SINGLE);
    expect(status).toBe(200);
    expect(answer.stored).toEqual([chest.SOPInstanceUID]);
    expect(await storedBytes(chest.StudyInstanceUID)).toEqual([bytes]);
  });

  it('has committed the row and its job for inference when it answers', async () => {
    const chest = newChest();
    await server.post(STUDIES, chest.bytes, SINGLE);
    const [instance] = await instancesOf(database, chest.StudyInstanceUID);
    const jobs = await database.studies.claimJobs(1_000, Date.now() + 60_000);
    expect(jobs).toContainEqual(
      expect.objectContaining({ name: 'infer', payload: { instanceId: instance?.instanceId } }),
    );
  });

  it.each([
    `multipart/related; type=application/dicom; boundary=${BOUNDARY}`,
    `Multipart/Related; boundary="${BOUNDARY}"; type="application/dicom"; transfer-syntax=1.2.3`,
    `multipart/related; boundary=${BOUNDARY}`,
  ])('takes the Content-Type %s', async (contentType) => {
    const body = Buffer.concat([Buffer.from('preamble\r\n'), multipart(newChest().bytes)]);
    expect((await server.post(STUDIES, body, { 'Content-Type': contentType })).status).toBe(200);
  });

  it('takes part headers that end in LF alone', async () => {
    const head = Buffer.from(`--${BOUNDARY}\nContent-Type: application/dicom\n\n`);
    const body = Buffer.concat([head, newChest().bytes, Buffer.from('\r\n'), CLOSE]);
    expect((await server.post(STUDIES, body, MULTI)).status).toBe(200);
  });

  it('stores under the URL of the study that the objects belong to', async () => {
    const chest = newChest();
    const path = `${STUDIES}/${chest.StudyInstanceUID}`;
    expect((await server.post(path, multipart(chest.bytes), MULTI)).status).toBe(200);
  });

  it('answers in the media type that the client accepts', async () => {
    const post = (Accept: string) => server.post(STUDIES, newChest().bytes, { ...SINGLE, Accept });
    const type = async (accept: string) => (await post(accept)).headers.get('content-type');
    expect(await type('*/*')).toBe('application/dicom+json');
    expect(await type('application/json')).toBe('application/json');
    expect(await type('application/dicom+xml, application/dicom+json;q=0.5')).toBe(
      'application/dicom+xml',
    );
    expect(await type('text/html, application/dicom+json;q=0.5')).toBe('application/dicom+json');
  });
});

describe('the same instance twice', () => {
  it('acknowledges identical bytes once more, and makes no second instance and no second inference', async () => {
    const chest = newChest();
    await server.post(STUDIES, chest.bytes, SINGLE);
    await database.studies.claimJobs(1_000, Date.now() + 60_000);
    const again = await server.post(STUDIES, multipart(chest.bytes, chest.bytes), MULTI);
    expect(again.status).toBe(200);
    expect(again.answer.stored).toEqual([chest.SOPInstanceUID, chest.SOPInstanceUID]);
    expect(await storedBytes(chest.StudyInstanceUID)).toEqual([chest.bytes]);
    const jobs = await database.studies.claimJobs(1_000, Date.now() + 60_000);
    expect(jobs.filter(({ name }) => name === 'infer')).toEqual([]);
  });

  it('keeps the first bytes and refuses other ones under the same UID, with an audit event', async () => {
    const chest = newChest();
    const other = newChest(chest, { '00080060': ['CS', 'DX'] });
    await server.post(STUDIES, chest.bytes, SINGLE);
    const objects = await objectCount(server);
    const { status, answer } = await server.post(STUDIES, other.bytes, SINGLE);
    expect(status).toBe(409);
    expect(answer.failed).toEqual({ [chest.SOPInstanceUID]: 0x0110 });
    expect(await storedBytes(chest.StudyInstanceUID)).toEqual([chest.bytes]);
    expect(await objectCount(server)).toBe(objects);
    const line = server
      .log()
      .split('\n')
      .find((text) => text.includes('"instance-conflict"'));
    expect(JSON.parse(line ?? '{}')).toMatchObject({ audit: true, code: 'instance-conflict' });
  });

  it('refuses a known instance that turns up in another study', async () => {
    const chest = newChest();
    await server.post(STUDIES, chest.bytes, SINGLE);
    const moved = newChest({ SOPInstanceUID: chest.SOPInstanceUID });
    expect((await server.post(STUDIES, moved.bytes, SINGLE)).status).toBe(409);
    expect(await instancesOf(database, moved.StudyInstanceUID)).toEqual([]);
  });

  it('lets exactly one of many different objects win that arrive together under one UID', async () => {
    const uids = newChest();
    const rivals = Array.from({ length: 8 }, (_, index) =>
      newChest(uids, { '00200013': ['IS', String(index)] }),
    );
    const posts = await Promise.all(rivals.map(({ bytes }) => server.post(STUDIES, bytes, SINGLE)));
    const winners = rivals.filter((_, index) => posts[index]?.status === 200);
    expect(posts.map(({ status }) => status).sort()).toEqual([
      200, 409, 409, 409, 409, 409, 409, 409,
    ]);
    expect(await storedBytes(uids.StudyInstanceUID)).toEqual(winners.map(({ bytes }) => bytes));
  });

  it('acknowledges one object that arrives many times at once, and stores it once', async () => {
    const chest = newChest();
    const posts = await Promise.all(
      Array.from({ length: 8 }, () => server.post(STUDIES, chest.bytes, SINGLE)),
    );
    expect(posts.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(await storedBytes(chest.StudyInstanceUID)).toEqual([chest.bytes]);
  });
});

describe('priority', () => {
  const requested = async (headerPriority?: string, objectPriority?: string) => {
    const overrides: Elements = objectPriority ? { '00401003': ['SH', objectPriority] } : {};
    const chest = newChest({}, overrides);
    const header = headerPriority ? { 'Preread-Priority': headerPriority } : undefined;
    await server.post(STUDIES, chest.bytes, { ...SINGLE, ...header });
    return (await database.studies.findStudy(chest.StudyInstanceUID))?.study.requestedPriority;
  };

  it('comes from the request, else from the object, else is routine', async () => {
    expect(await requested('STAT', 'LOW')).toBe('stat');
    expect(await requested('routine', 'STAT')).toBe('routine');
    expect(await requested(undefined, 'HIGH')).toBe('urgent');
    expect(await requested(undefined, 'SOON')).toBe('routine');
    expect(await requested()).toBe('routine');
  });
});

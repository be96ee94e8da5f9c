import { readFile } from 'node:fs/promises';

import { beforeAll, describe, expect, it } from 'vitest';

import { ERRORS } from '../../core/errors.js';
import type { ErrorCode } from '../../core/errors.js';
import { chestElements, encodeElements, encodeMeta, EXPLICIT } from '../support/build-dicom.js';
import type { Elements } from '../support/build-dicom.js';
import {
  BOUNDARY,
  CLOSE,
  MULTIPART,
  multipart,
  newChest,
  newUid,
  partHead,
} from '../support/chest-sender.js';
import { useIngestServer } from '../support/ingest-fixture.js';
import type { IngestServer } from '../support/ingest-server.js';
import type { TestStudies } from '../support/studies.js';

const SINGLE = { 'Content-Type': 'application/dicom' };
const MULTI = { 'Content-Type': MULTIPART };
const STUDIES = '/dicom-web/studies';

const fixture = useIngestServer();
let database: TestStudies;
let server: IngestServer;

beforeAll(() => {
  ({ database, server } = fixture());
});

function reason(code: ErrorCode): number {
  return ERRORS[code].failureReason;
}

async function instancesOf(StudyInstanceUID: string) {
  return (await database.studies.findStudy(StudyInstanceUID))?.instances ?? [];
}

async function storedBytes(StudyInstanceUID: string): Promise<Buffer[]> {
  const instances = await instancesOf(StudyInstanceUID);
  return Promise.all(instances.map(({ objectKey }) => readFile(server.objects.path(objectKey))));
}

async function objectCount(): Promise<number> {
  let count = 0;
  for await (const key of server.objects.keys()) {
    count += key === '' ? 0 : 1;
  }
  return count;
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
    const [instance] = await instancesOf(chest.StudyInstanceUID);
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
    const objects = await objectCount();
    const { status, answer } = await server.post(STUDIES, other.bytes, SINGLE);
    expect(status).toBe(409);
    expect(answer.failed).toEqual({ [chest.SOPInstanceUID]: 0x0110 });
    expect(await storedBytes(chest.StudyInstanceUID)).toEqual([chest.bytes]);
    expect(await objectCount()).toBe(objects);
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
    expect(await instancesOf(moved.StudyInstanceUID)).toEqual([]);
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

describe('a request that is refused by its head', () => {
  const cases: [title: string, path: string, headers: Record<string, string>, code: ErrorCode][] = [
    ['another Content-Type', '', { 'Content-Type': 'text/plain' }, 'media-type-unsupported'],
    [
      'form data',
      '',
      { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` },
      'media-type-unsupported',
    ],
    [
      'JSON metadata parts',
      '',
      { 'Content-Type': `multipart/related; type="application/dicom+json"; boundary=${BOUNDARY}` },
      'media-type-unsupported',
    ],
    [
      'a body that is encoded',
      '',
      { ...MULTI, 'Content-Encoding': 'gzip' },
      'media-type-unsupported',
    ],
    [
      'no boundary',
      '',
      { 'Content-Type': 'multipart/related; type="application/dicom"' },
      'request-invalid',
    ],
    ['no acceptable answer', '', { ...MULTI, Accept: 'text/html' }, 'not-acceptable'],
    ['a URL without a valid UID', '/not-a-uid', MULTI, 'request-invalid'],
    [
      'a priority that does not exist',
      '',
      { ...MULTI, 'Preread-Priority': 'asap' },
      'request-invalid',
    ],
  ];

  it.each(cases)('has %s', async (_title, path, headers, code) => {
    const chest = newChest();
    const {
      status,
      text,
      headers: answered,
    } = await server.post(`${STUDIES}${path}`, multipart(chest.bytes), headers);
    expect(status).toBe(ERRORS[code].httpStatus);
    expect(answered.get('content-type')).toBe('application/problem+json');
    expect(JSON.parse(text)).toMatchObject({
      type: `urn:preread:error:${code}`,
      status,
      requestId: answered.get('x-request-id'),
    });
    expect(await instancesOf(chest.StudyInstanceUID)).toEqual([]);
  });
});

describe('objects that are refused', () => {
  const otherClass = newUid();
  const withoutPixels = Object.fromEntries(
    Object.entries(chestElements()).filter(([tag]) => tag !== '7fe00010'),
  );
  const encode = (elements: typeof withoutPixels, syntax = '1.2.840.10008.1.2.1') =>
    Buffer.concat([encodeMeta(syntax), encodeElements(elements, EXPLICIT)]);
  const whole = newChest().bytes;

  const unnamed: [title: string, bytes: Uint8Array, code: ErrorCode][] = [
    ['text', Buffer.from('This is not DICOM. '.repeat(20)), 'dicom-unreadable'],
    [
      'a PNG',
      Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(500)]),
      'dicom-unreadable',
    ],
    ['a data set without preamble', whole.subarray(132), 'dicom-unreadable'],
    ['a preamble and nothing more', whole.subarray(0, 132), 'dicom-truncated'],
    ['no bytes', Buffer.alloc(0), 'dicom-unreadable'],
    ['a header that is cut off', whole.subarray(0, 399), 'dicom-truncated'],
    [
      'no SOP Instance UID',
      encode({ ...chestElements(), '00080018': ['UI', ''] }),
      'attribute-missing',
    ],
  ];

  it.each(unnamed)('%s: is refused among the other failures', async (_title, bytes, code) => {
    for (const [body, headers] of [
      [bytes, SINGLE],
      [multipart(bytes), MULTI],
    ] as const) {
      const { status, answer } = await server.post(STUDIES, body, headers);
      expect(status).toBe(409);
      expect(answer).toEqual({ stored: [], failed: {}, other: [reason(code)] });
    }
  });

  const SOPInstanceUID = '1.2.3.4.5';
  const named: [title: string, bytes: Uint8Array, code: ErrorCode][] = [
    [
      'an unsupported SOP Class',
      encode({ ...chestElements(), '00080016': ['UI', otherClass] }),
      'sop-class-unsupported',
    ],
    [
      'a transfer syntax that is not decoded',
      encode(chestElements(), '1.2.840.10008.1.2.4.100'),
      'transfer-syntax-unsupported',
    ],
    [
      'no Study Instance UID',
      encode({ ...chestElements(), '0020000d': ['UI', ''] }),
      'attribute-missing',
    ],
    [
      'an invalid Series Instance UID',
      encode({ ...chestElements(), '0020000e': ['UI', 'abc'] }),
      'attribute-missing',
    ],
    ['no Pixel Data', encode(withoutPixels), 'pixel-data-missing'],
    ['Pixel Data that is cut off', encode(chestElements()).subarray(0, -2), 'dicom-truncated'],
  ];

  it.each(named)('%s: is refused by name', async (_title, bytes, code) => {
    const { status, answer, headers } = await server.post(STUDIES, multipart(bytes), MULTI);
    expect(status).toBe(409);
    expect(answer).toEqual({ stored: [], failed: { [SOPInstanceUID]: reason(code) }, other: [] });
    expect(headers.get('warning')).toContain(`299 preread "${code}: `);
  });

  it('a Study UID that differs from the URL is refused by name', async () => {
    const chest = newChest();
    const { status, answer } = await server.post(`${STUDIES}/${newUid()}`, chest.bytes, SINGLE);
    expect(status).toBe(409);
    expect(answer.failed).toEqual({ [chest.SOPInstanceUID]: 0xa901 });
    expect(await instancesOf(chest.StudyInstanceUID)).toEqual([]);
  });

  it('leaves nothing behind, neither staged nor stored', async () => {
    const objects = await objectCount();
    for (const [, bytes] of [...unnamed, ...named]) {
      await server.post(STUDIES, bytes, SINGLE);
    }
    expect(server.staged()).toEqual([]);
    expect(await objectCount()).toBe(objects);
  });

  it('stores the good ones of a mixed request and lists the others', async () => {
    const good = newChest();
    const body = multipart(Buffer.from('not DICOM'.repeat(30)), good.bytes, encode(withoutPixels));
    const { status, answer } = await server.post(STUDIES, body, MULTI);
    expect(status).toBe(202);
    expect(answer).toEqual({
      stored: [good.SOPInstanceUID],
      failed: { [SOPInstanceUID]: reason('pixel-data-missing') },
      other: [reason('dicom-unreadable')],
    });
  });

  it('refuses a part of another media type: 415 when there is no other, else 202', async () => {
    const text = [partHead('Content-Type: text/plain'), Buffer.from('hello\r\n')];
    const only = await server.post(STUDIES, Buffer.concat([...text, CLOSE]), MULTI);
    expect(only.status).toBe(415);
    const good = newChest();
    const mixed = await server.post(
      STUDIES,
      Buffer.concat([...text, multipart(good.bytes)]),
      MULTI,
    );
    expect(mixed.status).toBe(202);
    expect(mixed.answer).toMatchObject({ stored: [good.SOPInstanceUID], other: [0xc000] });
  });
});

describe('a multipart body that is broken', () => {
  it.each([
    ['empty', Buffer.alloc(0)],
    ['without parts', CLOSE],
    ['without its boundary', Buffer.concat([Buffer.from('--other\r\n\r\n'), newChest().bytes])],
    [
      'with a broken part header',
      Buffer.concat([partHead('no colon'), Buffer.from('x\r\n'), CLOSE]),
    ],
    ['with endless part headers', Buffer.concat([partHead(`A: ${'b'.repeat(50_000)}`), CLOSE])],
  ])('%s: nothing is stored, 400', async (_title, body) => {
    const { status } = await server.post(STUDIES, body, MULTI);
    expect(status).toBe(400);
  });

  it('never stores a last part that is not closed by a boundary, although its object is whole', async () => {
    const chest = newChest();
    const body = Buffer.concat([partHead(), chest.bytes]);
    const { status, answer } = await server.post(STUDIES, body, MULTI);
    expect(status).toBe(400);
    expect(answer.other).toEqual([reason('multipart-malformed')]);
    expect(await instancesOf(chest.StudyInstanceUID)).toEqual([]);
    expect(server.staged()).toEqual([]);
  });

  it('keeps and reports the parts before the break', async () => {
    const [first, second, cut] = [newChest(), newChest(), newChest()];
    const whole = multipart(first.bytes, second.bytes, cut.bytes);
    const body = whole.subarray(0, -CLOSE.length - 20);
    const { status, answer } = await server.post(STUDIES, body, MULTI);
    expect(status).toBe(202);
    expect(answer).toEqual({
      stored: [first.SOPInstanceUID, second.SOPInstanceUID],
      failed: {},
      other: [reason('multipart-malformed')],
    });
    expect(await instancesOf(first.StudyInstanceUID)).toHaveLength(1);
    expect(await instancesOf(cut.StudyInstanceUID)).toEqual([]);
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

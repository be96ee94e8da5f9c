import { beforeAll, describe, expect, it } from 'vitest';

import { ERRORS, type ErrorCode } from '../../core/errors.js';
import { chestElements, encodeElements, encodeMeta, EXPLICIT } from '../support/build-dicom.js';
import { BOUNDARY, CLOSE, multipart, newChest, newUid, partHead } from '../support/chest-sender.js';
import { objectCount, MULTI, SINGLE, STUDIES, useIngestServer } from '../support/ingest-fixture.js';
import type { IngestServer } from '../support/ingest-server.js';
import type { TestStudies } from '../support/studies.js';
import { failureReason, instancesOf } from '../support/studies-fixture.js';

const fixture = useIngestServer();
let database: TestStudies;
let server: IngestServer;

beforeAll(() => {
  ({ database, server } = fixture());
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
    expect(await instancesOf(database, chest.StudyInstanceUID)).toEqual([]);
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
      expect(answer).toEqual({ stored: [], failed: {}, other: [failureReason(code)] });
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
    expect(answer).toEqual({
      stored: [],
      failed: { [SOPInstanceUID]: failureReason(code) },
      other: [],
    });
    expect(headers.get('warning')).toContain(`299 preread "${code}: `);
  });

  it('a Study UID that differs from the URL is refused by name', async () => {
    const chest = newChest();
    const { status, answer } = await server.post(`${STUDIES}/${newUid()}`, chest.bytes, SINGLE);
    expect(status).toBe(409);
    expect(answer.failed).toEqual({ [chest.SOPInstanceUID]: 0xa901 });
    expect(await instancesOf(database, chest.StudyInstanceUID)).toEqual([]);
  });

  it('leaves nothing behind, neither staged nor stored', async () => {
    const objects = await objectCount(server);
    for (const [, bytes] of [...unnamed, ...named]) {
      await server.post(STUDIES, bytes, SINGLE);
    }
    expect(server.staged()).toEqual([]);
    expect(await objectCount(server)).toBe(objects);
  });

  it('stores the good ones of a mixed request and lists the others', async () => {
    const good = newChest();
    const body = multipart(Buffer.from('not DICOM'.repeat(30)), good.bytes, encode(withoutPixels));
    const { status, answer } = await server.post(STUDIES, body, MULTI);
    expect(status).toBe(202);
    expect(answer).toEqual({
      stored: [good.SOPInstanceUID],
      failed: { [SOPInstanceUID]: failureReason('pixel-data-missing') },
      other: [failureReason('dicom-unreadable')],
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
    expect(answer.other).toEqual([failureReason('multipart-malformed')]);
    expect(await instancesOf(database, chest.StudyInstanceUID)).toEqual([]);
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
      other: [failureReason('multipart-malformed')],
    });
    expect(await instancesOf(database, first.StudyInstanceUID)).toHaveLength(1);
    expect(await instancesOf(database, cut.StudyInstanceUID)).toEqual([]);
  });
});

import { randomBytes } from 'node:crypto';

import { request } from 'undici';
import { beforeAll, describe, expect, it } from 'vitest';

import { objectUid } from '../../core/delivery/dicom/result-object.js';
import { diagnosticReportId } from '../../core/delivery/fhir/result-bundle.js';
import { createKey } from '../../core/access/manage-keys.js';
import { fhirValidator } from '../support/fhir-validator.js';
import { useIngestServer } from '../support/ingest-fixture.js';
import { startIngestServer } from '../support/ingest-server.js';
import type { IngestServer } from '../support/ingest-server.js';
import { storeReportedStudy } from '../support/reported-study.js';
import { REPORT_UIDS, sampleReport } from '../support/sample-report.js';
import type { TestStudies } from '../support/studies.js';
import { temporaryFolder } from '../support/temp-folder.js';

interface Resource {
  readonly resourceType: string;
  readonly id?: string;
  readonly [element: string]: unknown;
}
interface Bundle extends Resource {
  readonly total: number;
  readonly entry?: readonly {
    readonly fullUrl?: string;
    readonly resource: Resource;
    readonly search: { readonly mode: string };
  }[];
}

const { StudyInstanceUID } = REPORT_UIDS;
const ID = diagnosticReportId(StudyInstanceUID);
const validator = fhirValidator();

const fixture = useIngestServer((database) => ({
  keys: database.keys,
  patientIdentifierSystem: 'https://hospital.example/mrn',
}));
let database: TestStudies;
let server: IngestServer;
let study: Awaited<ReturnType<typeof storeReportedStudy>>;

beforeAll(async () => {
  ({ database, server } = fixture());
  study = await storeReportedStudy(server, database.studies);
});

async function get(path: string, headers: Readonly<Record<string, string>> = {}, base = server) {
  const response = await fetch(`${base.url}/fhir${path}`, { headers });
  const text = await response.text();
  const resource = (text === '' ? undefined : JSON.parse(text)) as Resource;
  expect(response.headers.get('content-type')).toMatch(/^application\/(fhir\+)?json/);
  // The schemas are those of 4.0.0, which 4.0.1 corrects.
  const validated = 'fhirVersion' in resource ? { ...resource, fhirVersion: '4.0.0' } : resource;
  expect(validator.validate(validated), text).toEqual([]);
  return { status: response.status, headers: response.headers, resource };
}

const search = async (query: string) => {
  const { status, resource } = await get(`/DiagnosticReport?${query}`);
  expect(status).toBe(200);
  return resource as Bundle;
};

/** Every reference of a resource, wherever it stands. */
function referencesOf(resource: Resource): string[] {
  return [...JSON.stringify(resource).matchAll(/"reference":"([^"]+)"/g)].map(([, to]) => to ?? '');
}

describe('a report', () => {
  it('is read by the id of the transaction, and everything that it refers to is contained in it', async () => {
    const { headers, resource } = await get(`/DiagnosticReport/${ID}`);
    expect(headers.get('content-type')).toBe('application/fhir+json; charset=utf-8');
    expect(headers.get('etag')).toBe('W/"1"');
    expect(resource).toMatchObject({
      id: ID,
      status: 'preliminary',
      meta: { versionId: '1', security: [{ code: 'AIAST' }] },
      subject: { identifier: { system: 'https://hospital.example/mrn', value: 'BN-000123' } },
    });
    const contained = resource['contained'] as Resource[];
    expect(contained.map(({ resourceType }) => resourceType)).toEqual(
      'Device ImagingStudy Observation Observation Provenance'.split(' '),
    );
    const ids = contained.map(({ id }) => `#${id ?? ''}`);
    const references = referencesOf(resource);
    expect(references.length).toBeGreaterThan(5);
    expect(references.filter((to) => to !== '#' && !ids.includes(to))).toEqual([]);
    expect((resource['result'] as object[]).length).toBe(2);
    // Security labels stand at the report alone (dom-5), names of patients nowhere.
    expect(contained.filter((one) => 'meta' in one)).toEqual([]);
    expect(JSON.stringify(resource)).not.toContain('Nguyễn');
  });

  it.each([
    `_id=${ID}`,
    `_id=nobody,${ID}`,
    `identifier=urn:dicom:uid|urn:oid:${StudyInstanceUID}`,
    `identifier=urn:oid:${StudyInstanceUID}`,
    `identifier=urn:dicom:uid|urn:oid:${objectUid('sr', sampleReport())}`,
    `_id=${ID}&identifier=urn:dicom:uid|urn:oid:${StudyInstanceUID}&_include=DiagnosticReport:result`,
  ])('is found by %s', async (query) => {
    const { total, entry } = await search(query);
    expect(total).toBe(1);
    expect(entry).toMatchObject([
      {
        fullUrl: `${server.url}/fhir/DiagnosticReport/${ID}`,
        resource: { id: ID, resourceType: 'DiagnosticReport' },
        search: { mode: 'match' },
      },
    ]);
  });

  it.each([
    '_id=5a1f7a60-3f4c-4c4e-9a3e-0d7d5a1c2b3d',
    "_id=' OR 1=1",
    `identifier=urn:other|urn:oid:${StudyInstanceUID}`,
    'identifier=urn:dicom:uid|urn:oid:1.2.3.999',
    'identifier=urn:dicom:uid|urn:oid:2.25.1',
    `_id=nobody&identifier=urn:dicom:uid|urn:oid:${StudyInstanceUID}`,
  ])('is not found by %s', async (query) => {
    expect(await search(query)).toMatchObject({ total: 0 });
  });

  it('is not sent again to who has that version', async () => {
    // fetch would ask for no cache.
    const { statusCode, body } = await request(`${server.url}/fhir/DiagnosticReport/${ID}`, {
      headers: { 'if-none-match': 'W/"1"' },
    });
    expect(statusCode).toBe(304);
    expect(await body.text()).toBe('');
  });
});

describe('errors', () => {
  it.each([
    ['/DiagnosticReport/nobody', {}, 404, 'not-found'],
    [`/DiagnosticReport/${ID}/_history/7`, {}, 404, 'not-found'],
    [`/DiagnosticReport/${ID}/_history/x`, {}, 404, 'not-found'],
    ['/Patient/1', {}, 404, 'not-found'],
    ['/DiagnosticReport', {}, 400, 'invalid'],
    ['/DiagnosticReport?status=final', {}, 400, 'invalid'],
    [`/DiagnosticReport?_id:exact=${ID}`, {}, 400, 'invalid'],
    ['/DiagnosticReport?identifier=urn:dicom:uid|', {}, 400, 'invalid'],
    ['/DiagnosticReport/%zz', {}, 400, 'invalid'],
    [`/DiagnosticReport/${ID}?_format=xml`, {}, 406, 'not-supported'],
    [`/DiagnosticReport/${ID}`, { Accept: 'application/fhir+xml' }, 406, 'not-supported'],
    [`/DiagnosticReport/${ID}`, { Authorization: 'Bearer nonsense' }, 401, 'login'],
  ])('%s %o is an OperationOutcome of %i', async (path, headers, status, code) => {
    const answer = await get(path, headers);
    expect(answer.status).toBe(status);
    expect(answer.resource).toMatchObject({
      resourceType: 'OperationOutcome',
      issue: [{ severity: 'error', code }],
    });
  });

  it('a search for too many is refused', async () => {
    expect((await get(`/DiagnosticReport?_id=${'x,'.repeat(100)}`)).status).toBe(400);
  });

  it('writing is refused', async () => {
    const { status, headers } = await fetch(`${server.url}/fhir/DiagnosticReport/${ID}`, {
      method: 'PUT',
    });
    expect(status).toBe(405);
    expect(headers.get('content-type')).toBe('application/fhir+json');
  });

  it('a key without the scope read reads nothing; what can be done is public', async () => {
    const closed = await startIngestServer(temporaryFolder(), database.studies, {
      keys: database.keys,
      access: { trustLoopback: false, isControlToken: () => false },
    });
    try {
      const { key } = await createKey(
        database.keys,
        { name: 'modality', scopes: ['ingest'] },
        randomBytes,
      );
      const path = `/DiagnosticReport/${ID}`;
      expect(await get(path, { Authorization: `Bearer ${key}` }, closed)).toMatchObject({
        status: 403,
        resource: { issue: [{ code: 'forbidden' }] },
      });
      expect((await get(path, {}, closed)).headers.get('www-authenticate')).toMatch(/^Bearer/);
      expect(await get('/metadata', {}, closed)).toMatchObject({
        status: 200,
        resource: {
          resourceType: 'CapabilityStatement',
          fhirVersion: '4.0.1',
          rest: [{ resource: [{ type: 'DiagnosticReport' }] }],
        },
      });
    } finally {
      await closed.close();
    }
  });
});

// Last: it changes the study.
describe('an amended report', () => {
  it('replaces the first, which says so where it is still asked for', async () => {
    const amended = await study.amend();
    const { resource } = await get(`/DiagnosticReport/${ID}`);
    expect(resource).toMatchObject({ meta: { versionId: '2' } });
    expect(resource['meta']).not.toHaveProperty('tag');

    const first = await get(`/DiagnosticReport/${ID}/_history/1`);
    expect(first.resource).toMatchObject({
      meta: { versionId: '1', tag: [{ code: 'replaced' }] },
      conclusion: expect.stringMatching(/^Replaced by version 2\. /) as unknown,
    });

    const byFirst = await search(`identifier=urn:oid:${objectUid('sr', sampleReport())}`);
    expect(byFirst).toMatchObject({
      total: 1,
      entry: [
        { resource: { meta: { versionId: '2' } }, search: { mode: 'match' } },
        { resource: { resourceType: 'OperationOutcome' }, search: { mode: 'outcome' } },
      ],
    });
    const bySecond = await search(`identifier=urn:oid:${objectUid('sr', amended)}`);
    expect(bySecond.entry).toHaveLength(1);
  });

  it('names no patient when the images have been removed', async () => {
    const query = { storedBeforeMs: Date.now() + 60_000, limit: 10 };
    expect(await database.operations.purge(query, 'retention')).toMatchObject({ studies: 1 });
    const { status, resource } = await get(`/DiagnosticReport/${ID}`);
    expect(status).toBe(200);
    expect(resource).toMatchObject({ subject: { display: 'not known' } });
    expect(JSON.stringify(resource)).not.toContain('BN-000123');
  });
});

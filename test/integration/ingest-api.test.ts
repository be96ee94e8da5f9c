import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { PipelineError } from '../../core/errors.js';
import { silentLogger } from '../../core/log.js';
import { problemSchema } from '../../services/ingest-http/http/problem.js';
import { buildOpenApi } from '../../services/ingest-http/openapi.js';
import {
  livenessSchema,
  readinessSchema,
  type ReadinessCheck,
} from '../../services/ingest-http/routes/health.js';
import { studyListSchema, studySchema } from '../../services/ingest-http/routes/studies.js';
import { worklistSchema } from '../../services/ingest-http/routes/worklist.js';
import { startHealthHttp } from '../../services/ingest-http/server.js';
import { newChest, newUid } from '../support/chest-sender.js';
import { useIngestServer } from '../support/ingest-fixture.js';
import type { IngestServer } from '../support/ingest-server.js';

const fixture = useIngestServer();
let server: IngestServer;
const chests = Array.from({ length: 5 }, () => newChest());

beforeAll(async () => {
  ({ server } = fixture());
  for (const { bytes } of chests) {
    await server.post('/dicom-web/studies', bytes, {
      'Content-Type': 'application/dicom',
      'Preread-Priority': 'urgent',
    });
  }
});

async function get(path: string, init?: RequestInit) {
  const response = await fetch(`${server.url}${path}`, init);
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  const json: unknown = isJson ? JSON.parse(text) : undefined;
  return { status: response.status, headers: response.headers, text, json };
}

describe('health', () => {
  it('the process lives', async () => {
    const { status, json } = await get('/healthz');
    expect(status).toBe(200);
    livenessSchema.parse(json);
  });

  it('each dependency is ready', async () => {
    const { status, json } = await get('/readyz');
    expect(status).toBe(200);
    expect(readinessSchema.parse(json)).toEqual({
      status: 'ready',
      checks: [
        { name: 'database', ok: true },
        { name: 'objects', ok: true },
      ],
    });
  });
});

describe('health alone', () => {
  async function serveHealth(readiness: readonly ReadinessCheck[]) {
    const http = await startHealthHttp(
      {
        readiness,
        page: { contentType: 'text/plain', text: () => Promise.resolve('') },
        logger: silentLogger,
        clock: Date.now,
      },
      { host: '127.0.0.1', port: 0, shutdownMs: 100 },
    );
    onTestFinished(() => http.close());
    return http;
  }

  it('takes no process away for what can be made up for later', async () => {
    const queue = {
      name: 'queue',
      whenSilent: 'queue-unavailable' as const,
      dispensable: true,
      check: () => Promise.reject(new PipelineError('queue-unavailable')),
    };
    const http = await serveHealth([queue]);
    const ready = await fetch(`${http.url}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toEqual({
      status: 'degraded',
      checks: [{ name: 'queue', ok: false, error: 'queue-unavailable' }],
    });
  });

  it('is served by processes that have no other interface, and names what fails', async () => {
    const failing = {
      name: 'queue',
      whenSilent: 'queue-unavailable' as const,
      check: () => Promise.reject(new Error('refused')),
    };
    const silent = {
      name: 'database',
      whenSilent: 'database-unavailable' as const,
      check: () => new Promise(() => undefined),
    };
    const http = await serveHealth([failing, silent]);
    expect((await fetch(`${http.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${http.url}/dicom-web/studies`, { method: 'POST' })).status).toBe(404);
    const ready = await fetch(`${http.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(readinessSchema.parse(await ready.json()).checks).toEqual([
      { name: 'queue', ok: false, error: 'internal' },
      { name: 'database', ok: false, error: 'database-unavailable' },
    ]);
  });
});

describe('studies', () => {
  it('come in pages that hold each study once', async () => {
    const seen: string[] = [];
    let path = '/api/v1/studies?limit=2';
    for (let pages = 0; pages < 10; pages += 1) {
      const list = studyListSchema.parse((await get(path)).json);
      expect(list.studies.length).toBeLessThanOrEqual(2);
      seen.push(...list.studies.map(({ StudyInstanceUID }) => StudyInstanceUID));
      if (list.nextCursor === undefined) {
        break;
      }
      path = `/api/v1/studies?limit=2&cursor=${encodeURIComponent(list.nextCursor)}`;
    }
    expect(seen.sort()).toEqual(chests.map(({ StudyInstanceUID }) => StudyInstanceUID).sort());
  });

  it('are filtered by state and by flag', async () => {
    const count = async (query: string) =>
      studyListSchema.parse((await get(`/api/v1/studies?${query}`)).json).studies.length;
    expect(await count('state=analysing')).toBe(5);
    expect(await count('state=ready')).toBe(0);
    expect(await count('flagged=true')).toBe(0);
  });

  it.each(['limit=0', 'limit=many', 'state=lost', 'flagged=maybe', 'colour=red', 'cursor=%00'])(
    'are not listed for the query %s',
    async (query) => {
      const { status, json } = await get(`/api/v1/studies?${query}`);
      expect(status).toBe(400);
      expect(problemSchema.parse(json).type).toBe('urn:preread:error:request-invalid');
    },
  );

  it('are found by their UID, before there is a result too', async () => {
    const { StudyInstanceUID } = chests[0] ?? newChest();
    const { status, json } = await get(`/api/v1/studies/${StudyInstanceUID}`);
    expect(status).toBe(200);
    expect(studySchema.parse(json)).toMatchObject({
      study: {
        StudyInstanceUID,
        state: 'analysing',
        requestedPriority: 'urgent',
        priority: 'urgent',
        instanceCount: 1,
      },
      deliveries: [],
    });
  });

  it.each([newUid(), 'not-a-uid', "1.2'; drop table studies", '1.2\0.3'])(
    'that were never received are not found: %j',
    async (text) => {
      const { status, json } = await get(`/api/v1/studies/${encodeURIComponent(text)}`);
      expect(status).toBe(404);
      expect(JSON.stringify(json)).not.toContain(text);
    },
  );
});

describe('errors', () => {
  it.each([
    ['GET', '/nowhere', 404, 'not-found'],
    ['PUT', '/dicom-web/studies', 405, 'method-not-allowed'],
    ['DELETE', '/api/v1/studies/1.2.3', 405, 'method-not-allowed'],
    ['GET', '/api/v1/studies/%zz', 400, 'request-invalid'],
  ])('%s %s is a problem', async (method, path, status, code) => {
    const answer = await get(path, { method });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    const problem = problemSchema.parse(answer.json);
    expect(problem).toMatchObject({ type: `urn:preread:error:${code}`, status });
    expect(problem.requestId).toBe(answer.headers.get('x-request-id'));
    expect(answer.text).not.toMatch(/node_modules|\.ts|\.js| at /);
  });

  it('a method that a resource does not have is told which it has', async () => {
    const { headers } = await get('/dicom-web/studies', { method: 'PUT' });
    expect(headers.get('allow')).toBe('GET, HEAD, POST, OPTIONS');
  });
});

describe('OPTIONS', () => {
  it('names the methods and what POST takes', async () => {
    const { status, headers } = await get('/dicom-web/studies', { method: 'OPTIONS' });
    expect(status).toBe(204);
    expect(headers.get('allow')).toBe('GET, HEAD, POST, OPTIONS');
    expect(headers.get('accept-post')).toContain('multipart/related; type="application/dicom"');
  });
});

describe('Retrieve Capabilities', () => {
  const ask = (accept?: string) =>
    get('/dicom-web/', {
      method: 'OPTIONS',
      headers: accept === undefined ? {} : { Accept: accept },
    });

  it('describes the DICOM web services in WADL, in the hierarchy of their paths', async () => {
    const { status, headers, text } = await ask('application/vnd.sun.wadl+xml');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/vnd.sun.wadl+xml');
    expect(headers.get('allow')).toBe('OPTIONS');
    const [open, paths]: [string[], string[]] = [[], []];
    for (const [, end, name = '', attributes = '', empty] of text.matchAll(
      /<(\/?)([a-z]+)((?: [a-z]+="[^"<>]*")*)(\/?)>/g,
    )) {
      if (end === '/') {
        expect(open.pop()).toBe(name);
        if (name === 'resource') {
          paths.pop();
        }
        continue;
      }
      if (name === 'resource') {
        paths.push(/ path="([^"]*)"/.exec(attributes)?.[1] ?? '');
      }
      const id = / id="([^"]*)"/.exec(attributes)?.[1];
      if (id === 'retrieveFrames') {
        expect(paths.join('/')).toBe(
          'studies/{StudyInstanceUID}/series/{SeriesInstanceUID}/instances/{SOPInstanceUID}/frames/{frames}',
        );
      }
      if (empty === '') {
        open.push(name);
      }
    }
    expect(open).toEqual([]);
    expect(text).toMatch(/<resources base="http:[^"]+\/dicom-web\/">/);
    expect(text).toContain('id="retrieveFrames"');
    expect(text).toContain('<param name="PatientName" style="query"/>');
    expect(text).toContain('mediaType="multipart/related; type=&quot;application/dicom&quot;"');
  });

  it('has every DICOM web service of the OpenAPI description, in JSON too', async () => {
    const { status, json } = await ask('application/json');
    expect(status).toBe(200);
    const described = [...JSON.stringify(json).matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id);
    const own = Object.entries(buildOpenApi().paths ?? {}).filter(([path]) =>
      path.startsWith('/dicom-web'),
    );
    const expected = [...JSON.stringify(own).matchAll(/"operationId":"([^"]+)"/g)];
    expect(described.sort()).toEqual(expected.map(([, id]) => id).sort());
  });

  it('is WADL where Accept says nothing, and refuses what it does not have', async () => {
    expect((await ask()).headers.get('content-type')).toBe('application/vnd.sun.wadl+xml');
    expect((await ask('text/html')).status).toBe(406);
  });
});

describe('OpenAPI', () => {
  it('describes every resource that the service has', () => {
    expect(Object.keys(buildOpenApi().paths ?? {})).toEqual([
      '/dicom-web',
      '/dicom-web/studies',
      '/dicom-web/studies/{StudyInstanceUID}',
      '/dicom-web/studies/{StudyInstanceUID}/metadata',
      '/dicom-web/studies/{StudyInstanceUID}/series',
      '/dicom-web/studies/{StudyInstanceUID}/series/{SeriesInstanceUID}/instances',
      '/dicom-web/studies/{StudyInstanceUID}/series/{SeriesInstanceUID}',
      '/dicom-web/studies/{StudyInstanceUID}/series/{SeriesInstanceUID}/metadata',
      '/dicom-web/studies/{StudyInstanceUID}/rendered',
      '/dicom-web/studies/{StudyInstanceUID}/thumbnail',
      '/dicom-web/studies/{StudyInstanceUID}/series/{SeriesInstanceUID}/rendered',
      '/dicom-web/studies/{StudyInstanceUID}/series/{SeriesInstanceUID}/thumbnail',
      '/dicom-web/studies/{StudyInstanceUID}/series/{SeriesInstanceUID}/instances/{SOPInstanceUID}',
      '/dicom-web/studies/{StudyInstanceUID}/series/{SeriesInstanceUID}/instances/{SOPInstanceUID}/metadata',
      '/dicom-web/studies/{StudyInstanceUID}/series/{SeriesInstanceUID}/instances/{SOPInstanceUID}/rendered',
      '/dicom-web/studies/{StudyInstanceUID}/series/{SeriesInstanceUID}/instances/{SOPInstanceUID}/thumbnail',
      '/dicom-web/studies/{StudyInstanceUID}/series/{SeriesInstanceUID}/instances/{SOPInstanceUID}/frames/{frames}',
      '/dicom-web/studies/{StudyInstanceUID}/series/{SeriesInstanceUID}/instances/{SOPInstanceUID}/frames/{frames}/rendered',
      '/dicom-web/studies/{StudyInstanceUID}/series/{SeriesInstanceUID}/instances/{SOPInstanceUID}/frames/{frames}/thumbnail',
      '/dicom-web/studies/{StudyInstanceUID}/series/{SeriesInstanceUID}/instances/{SOPInstanceUID}/bulkdata/7FE00010',
      '/fhir/metadata',
      '/fhir/DiagnosticReport',
      '/fhir/DiagnosticReport/{id}',
      '/fhir/DiagnosticReport/{id}/_history/{version}',
      '/api/v1/studies',
      '/api/v1/studies/{StudyInstanceUID}',
      '/api/v1/worklist',
      '/api/v1/keys',
      '/api/v1/keys/{keyId}',
      '/api/v1/deliveries',
      '/api/v1/deliveries/{id}',
      '/api/v1/deliveries/{id}/replay',
      '/api/v1/destinations',
      '/api/v1/destinations/{name}',
      '/api/v1/destinations/{name}/open',
      '/api/v1/status',
      '/api/v1/studies/{StudyInstanceUID}/reprocess',
      '/api/v1/dead-letters',
      '/api/v1/dead-letters/{id}',
      '/api/v1/dead-letters/{id}/replay',
      '/healthz',
      '/readyz',
    ]);
  });

  it('is served, with no reference that leads nowhere and no name twice', async () => {
    const { json } = await get('/openapi.json');
    const text = JSON.stringify(json);
    const document = json as { openapi: string; components: { schemas: Record<string, unknown> } };
    expect(document.openapi).toBe('3.1.0');
    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    expect(references.length).toBeGreaterThan(10);
    for (const [, name] of references) {
      expect(document.components.schemas).toHaveProperty(String(name));
    }
    expect(document.components.schemas).toHaveProperty('StudyResult');
    const operations = [...text.matchAll(/"operationId":"([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(operations).size).toBe(operations.length);
  });

  it('has a page that loads nothing from elsewhere', async () => {
    const { status, text } = await get('/docs/');
    expect(status).toBe(200);
    expect(text).toContain('preread API');
    expect(text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    expect((await get('/docs/swagger-ui-bundle.js')).status).toBe(200);
  });
});

describe('headers', () => {
  it('are those of helmet, and do not name the framework', async () => {
    const { headers } = await get('/healthz');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).not.toContain('upgrade-insecure-requests');
    expect(headers.get('x-powered-by')).toBeNull();
  });
});

describe('the worklist', () => {
  it('is in order of priority and age, in pages that stay as they are when studies come', async () => {
    const late = newChest();
    const first = worklistSchema.parse((await get('/api/v1/worklist?limit=2')).json);
    expect(first).toMatchObject({ total: 5, nextOffset: 2 });
    await server.post('/dicom-web/studies', late.bytes, {
      'Content-Type': 'application/dicom',
      'Preread-Priority': 'stat',
    });
    const second = worklistSchema.parse(
      (await get(`/api/v1/worklist?offset=2&asOf=${first.asOf}`)).json,
    );
    expect(second.nextOffset).toBeUndefined();
    const studies = [...first.studies, ...second.studies];
    expect(studies.map(({ StudyInstanceUID }) => StudyInstanceUID)).toEqual(
      chests.map(({ StudyInstanceUID }) => StudyInstanceUID),
    );
    expect(studies.map(({ place }) => place)).toEqual([1, 2, 3, 4, 5]);
    const now = worklistSchema.parse((await get('/api/v1/worklist')).json);
    expect(now.studies[0]).toMatchObject({
      StudyInstanceUID: late.StudyInstanceUID,
      priority: 'stat',
      overdue: false,
    });
  });

  it.each(['limit=0', 'hours=169', 'asOf=yesterday', 'nothing=1'])('refuses %s', async (query) => {
    expect((await get(`/api/v1/worklist?${query}`)).status).toBe(400);
  });
});

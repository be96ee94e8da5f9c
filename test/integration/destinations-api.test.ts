import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { loadDestinations } from '../../adapters/destinations/load-destinations.js';
import { referenceSchema } from '../../adapters/destinations/read-secret.js';
import { packageRoot } from '../../adapters/process/package-info.js';
import {
  destinationListSchema,
  shownDestinationSchema,
} from '../../services/ingest-http/routes/destinations-schemas.js';
import { startIngestServer, type IngestServerOptions } from '../support/ingest-server.js';
import type { TestStudies } from '../support/studies.js';
import { useStudies } from '../support/studies-fixture.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const HOOK = {
  kind: 'webhook',
  url: 'https://ris.example/hook?key=T0KEN',
  secrets: ['env:PREREAD_SECRET_HOOK'],
  results: { which: 'flagged' },
};
const [FROM_FILE] = loadDestinations(
  `${packageRoot}/docs/integration/destinations/pacs.yaml`,
  referenceSchema(),
);

const fixture = useStudies();
let folder: string;
let database: TestStudies;
beforeAll(() => {
  ({ folder, database } = fixture());
});

async function serve(options: IngestServerOptions = {}) {
  const server = await startIngestServer(folder, database.studies, {
    operations: database,
    apiDestinations: { env: { PREREAD_SECRET_HOOK: SECRET } },
    ...options,
  });
  onTestFinished(async () => {
    await server.close();
    await database.empty();
  });
  return async (method: string, path = '', body?: unknown) => {
    const response = await fetch(`${server.url}/api/v1/destinations${path}`, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'Content-Type': 'application/json' },
      }),
    });
    const text = await response.text();
    return {
      status: response.status,
      text,
      json: text === '' ? undefined : (JSON.parse(text) as unknown),
    };
  };
}

describe('destinations by the API', () => {
  it('agree on one class of report: one UID cannot be two objects', async () => {
    const ask = await serve();
    const archive = { kind: 'dicomweb', url: 'http://127.0.0.1:9/dicom-web' };
    expect((await ask('PUT', '/one', archive)).status).toBe(201);
    const other = { ...archive, report: 'comprehensive-sr' };
    const refused = await ask('PUT', '/two', other);
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('report: one gets comprehensive-3d-sr');
    expect((await ask('PUT', '/two', { ...other, objects: ['sc'] })).status).toBe(201);
    expect((await ask('PUT', '/one', other)).status).toBe(200);
    expect((await ask('PUT', '/two', other)).status).toBe(200);
  });

  it('are made, replaced, shown, listed and removed', async () => {
    const ask = await serve();
    const made = await ask('PUT', '/ris', HOOK);
    expect(made.status).toBe(201);
    const shown = shownDestinationSchema.parse(made.json);
    expect(shown).toMatchObject({ name: 'ris', source: 'api', definition: HOOK });
    expect((await ask('GET', '/ris')).json).toEqual(made.json);
    expect((await ask('PUT', '/ris', { ...HOOK, enabled: false, name: 'ris' })).status).toBe(200);
    const listed = await ask('GET');
    expect(destinationListSchema.parse(listed.json).destinations).toMatchObject([
      { name: 'ris', source: 'api', enabled: false, address: 'https://ris.example' },
    ]);
    expect(listed.text).not.toMatch(/T0KEN|whsec_/);
    expect(made.text).not.toContain(SECRET);
    expect((await ask('DELETE', '/ris')).status).toBe(204);
    expect((await ask('DELETE', '/ris')).status).toBe(404);
    expect((await ask('GET', '/ris')).status).toBe(404);
    expect((await ask('GET')).json).toEqual({ destinations: [] });
  });

  it('are there for another server on the same database', async () => {
    const [one, other] = [await serve(), await serve()];
    await one('PUT', '/ris', HOOK);
    expect((await other('GET', '/ris')).json).toMatchObject({ definition: HOOK });
    await other('DELETE', '/ris');
    expect((await one('GET', '/ris')).status).toBe(404);
  });

  it('are refused with the field and the reason, and nothing is kept', async () => {
    const ask = await serve();
    const refused = await ask('PUT', '/ris', { ...HOOK, url: 'http://ris.example/', order: -1 });
    expect(refused.status).toBe(400);
    expect(refused.json).toMatchObject({
      type: 'urn:preread:error:request-invalid',
      detail: expect.stringMatching(/^order: /m) as string,
    });
    expect((await ask('PUT', '/ris', { ...HOOK, url: 'http://ris.example/' })).text).toMatch(
      /url: http:\/\/ beyond this machine/,
    );
    expect((await ask('PUT', '/RIS', HOOK)).text).toMatch(/lower-case letters/);
    const withoutSecret = { ...HOOK, secrets: ['env:PREREAD_SECRET_ABSENT'] };
    expect((await ask('PUT', '/ris', withoutSecret)).text).toMatch(
      /secrets\[0\]: the environment variable PREREAD_SECRET_ABSENT is not set/,
    );
    expect((await ask('GET')).json).toEqual({ destinations: [] });
  });

  it('leave alone what the configuration has', async () => {
    const declared = [
      { source: 'file', destination: FROM_FILE! },
      { source: 'environment', destination: { ...FROM_FILE!, name: 'webhook' } },
    ] as const;
    const ask = await serve({ declared });
    for (const [name, where] of [
      [FROM_FILE!.name, 'PREREAD_DESTINATIONS'],
      ['webhook', 'PREREAD_WEBHOOK_URL'],
    ] as const) {
      for (const refused of [await ask('PUT', `/${name}`, HOOK), await ask('DELETE', `/${name}`)]) {
        expect(refused.status).toBe(409);
        expect(refused.text).toContain(where);
      }
      expect((await ask('GET', `/${name}`)).json).not.toHaveProperty('definition');
    }
    const { destinations } = destinationListSchema.parse((await ask('GET')).json);
    expect(destinations.map(({ source }) => source)).toEqual(['file', 'environment']);
  });

  it('say what a server lacks that has to send to them', async () => {
    await (
      await serve({ apiDestinations: { sends: false } })
    )('PUT', '/ris', HOOK);
    const sender = await serve({ apiDestinations: { env: {} } });
    expect((await sender('GET', '/ris')).json).toMatchObject({
      definition: HOOK,
      problem: 'secrets[0]: the environment variable PREREAD_SECRET_HOOK is not set',
    });
  });
});

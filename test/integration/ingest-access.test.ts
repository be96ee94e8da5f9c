import { randomBytes } from 'node:crypto';
import { cpSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:tls';

import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { openTlsCredentials } from '../../adapters/tls/tls-credentials.js';
import { createKey } from '../../core/access/manage-keys.js';
import type { Scope } from '../../core/access/scopes.js';
import { silentLogger } from '../../core/log.js';
import { makeAuthority } from '../support/certificates.js';
import { newChest } from '../support/chest-sender.js';
import { eventually } from '../support/eventually.js';
import { startIngestServer } from '../support/ingest-server.js';
import type { IngestServer, IngestServerOptions } from '../support/ingest-server.js';
import type { TestStudies } from '../support/studies.js';
import { useStudies } from '../support/studies-fixture.js';
import { temporaryFolder } from '../support/temp-folder.js';

const fixture = useStudies();
let folder: string;
let database: TestStudies;

beforeAll(() => {
  ({ folder, database } = fixture());
});

async function serve(options: IngestServerOptions = {}): Promise<IngestServer> {
  const server = await startIngestServer(folder, database.studies, {
    keys: database.keys,
    operations: database,
    access: { trustLoopback: false, isControlToken: (token) => token === 'control' },
    ...options,
  });
  onTestFinished(() => server.close());
  return server;
}

async function keyWith(...scopes: Scope[]): Promise<string> {
  return (await createKey(database.keys, { name: 'test', scopes }, randomBytes)).key;
}

const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });

function getList(server: IngestServer, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${server.url}/api/v1/studies`, { headers });
}

/** With headers that fetch does not let anybody set. */
function rawStatus(server: IngestServer, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    httpRequest(`${server.url}/api/v1/studies`, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .once('error', reject)
      .end();
  });
}

describe('a server that needs keys', () => {
  it('refuses requests without one, and says how to send it', async () => {
    const server = await serve();
    const answer = await getList(server);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(await answer.text()).toContain('preread keys create');
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${server.url}/openapi.json`)).status).toBe(200);
  });

  it('lets each key do what its scopes say', async () => {
    const server = await serve();
    const [ingest, read, admin] = [
      await keyWith('ingest'),
      await keyWith('read'),
      await keyWith('admin'),
    ];
    const dicom = { 'Content-Type': 'application/dicom' };
    const post = (key: string) =>
      server.post('/dicom-web/studies', newChest().bytes, { ...dicom, ...bearer(key) });
    expect((await post(ingest)).status).toBe(200);
    expect((await post(read)).status).toBe(403);
    expect((await post(admin)).status).toBe(200);
    expect((await getList(server, bearer(ingest))).status).toBe(403);
    expect((await getList(server, bearer(read))).status).toBe(200);
    const keys = `${server.url}/api/v1/keys`;
    expect((await fetch(keys, { headers: bearer(read) })).status).toBe(403);
    expect((await fetch(keys, { headers: bearer(admin) })).status).toBe(200);
    expect(server.staged()).toEqual([]);
  });

  const ID = '0b9d3c0e-8a5f-4c7f-9a51-2c9d6a1b7e11';
  const OBJECT = '/dicom-web/studies/1.2/series/1.2.3/instances/1.2.3.4';
  it.each<[string, string, Scope, number]>([
    ['GET', '/api/v1/worklist', 'read', 200],
    ['GET', '/api/v1/dead-letters', 'admin', 200],
    ['GET', '/api/v1/deliveries', 'read', 200],
    ['GET', `/api/v1/deliveries/${ID}`, 'read', 404],
    ['POST', `/api/v1/deliveries/${ID}/replay`, 'admin', 404],
    ['GET', '/api/v1/destinations', 'read', 200],
    ['GET', '/api/v1/destinations/pacs', 'admin', 404],
    ['PUT', '/api/v1/destinations/pacs', 'admin', 400],
    ['DELETE', '/api/v1/destinations/pacs', 'admin', 404],
    ['POST', '/api/v1/destinations/pacs/open', 'admin', 400],
    ['GET', '/dicom-web/studies', 'read', 200],
    ['GET', '/dicom-web/studies/1.2/series', 'read', 200],
    ['GET', '/dicom-web/studies/1.2/series/1.2.3/instances', 'read', 200],
    ['GET', '/dicom-web/studies/1.2', 'read', 404],
    ['GET', '/dicom-web/studies/1.2/metadata', 'read', 404],
    ['GET', OBJECT, 'read', 404],
    ['GET', `${OBJECT}/metadata`, 'read', 404],
    ['GET', `${OBJECT}/frames/1`, 'read', 404],
    ['GET', `${OBJECT}/frames/1/rendered`, 'read', 404],
    ['GET', `${OBJECT}/bulkdata/7FE00010`, 'read', 404],
    ['GET', `${OBJECT}/thumbnail`, 'read', 404],
    ['GET', '/dicom-web/studies/1.2/series/1.2.3/rendered', 'read', 404],
    ['GET', '/dicom-web/studies/1.2/rendered', 'read', 404],
    ['GET', '/dicom-web/studies/1.2/thumbnail', 'read', 404],
    ['GET', '/fhir/DiagnosticReport?_id=nobody', 'read', 200],
    ['GET', '/fhir/DiagnosticReport/nobody', 'read', 404],
    ['GET', '/fhir/DiagnosticReport/nobody/_history/1', 'read', 404],
  ])('opens %s %s to the scope %s alone', async (method, path, scope, status) => {
    const server = await serve();
    const ask = async (...scopes: Scope[]) =>
      (await fetch(`${server.url}${path}`, { method, headers: bearer(await keyWith(...scopes)) }))
        .status;
    expect((await fetch(`${server.url}${path}`, { method })).status).toBe(401);
    expect(await ask('ingest', 'review', ...(scope === 'read' ? [] : (['read'] as const)))).toBe(
      403,
    );
    expect(await ask(scope)).toBe(status);
  });

  it('refuses a wrong secret, a key of nobody, and a key from the moment it is revoked', async () => {
    const server = await serve();
    const key = await keyWith('read');
    const [, keyId = ''] = key.split('_');
    const wrongSecret = `${key.slice(0, -2)}${key.endsWith('AA') ? 'BB' : 'AA'}`;
    for (const wrong of [wrongSecret, key.replace(keyId, '0000000000000000'), 'nonsense']) {
      expect((await getList(server, bearer(wrong))).status).toBe(401);
    }
    expect((await getList(server, bearer(key))).status).toBe(200);
    const control = bearer('control');
    const revoke = () =>
      fetch(`${server.url}/api/v1/keys/${keyId}`, { method: 'DELETE', headers: control });
    expect((await revoke()).status).toBe(204);
    expect((await getList(server, bearer(key))).status).toBe(401);
    expect((await database.keys.find(keyId))?.lastUsedAtMs).toBeDefined();
  });

  it('keeps no secret and writes none into its log', async () => {
    const server = await serve();
    const created = await fetch(`${server.url}/api/v1/keys`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...bearer('control') },
      body: JSON.stringify({ name: 'pacs', scopes: ['ingest', 'read'] }),
    });
    expect(created.status).toBe(201);
    const { key, keyId } = (await created.json()) as { key: string; keyId: string };
    const secret = key.slice(key.indexOf(keyId) + keyId.length + 1);
    expect((await getList(server, bearer(key))).status).toBe(200);
    expect(JSON.stringify(await database.keys.find(keyId))).not.toContain(secret);
    expect(server.log()).not.toContain(secret);
    expect(server.log()).toContain(keyId);
  });

  it('tells a key that asks too often to wait, and others not', async () => {
    const server = await serve({ requestsPerMinute: 3 });
    const [busy, other] = [await keyWith('read'), await keyWith('read')];
    for (let count = 0; count < 3; count += 1) {
      expect((await getList(server, bearer(busy))).status).toBe(200);
    }
    const limited = await getList(server, bearer(busy));
    expect(limited.status).toBe(429);
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await limited.text()).toContain('urn:preread:error:rate-limited');
    expect((await getList(server, bearer(other))).status).toBe(200);
  });

  it('stops listening to an address that guesses keys', async () => {
    const server = await serve();
    let status = 0;
    for (let guess = 0; guess < 40 && status !== 429; guess += 1) {
      status = (await getList(server, bearer(`prk_${'0'.repeat(16)}_${'A'.repeat(43)}`))).status;
    }
    expect(status).toBe(429);
  });

  it('refuses a malformed request for a key', async () => {
    const server = await serve();
    const create = (body: string) =>
      fetch(`${server.url}/api/v1/keys`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...bearer('control') },
        body,
      });
    for (const body of [
      '{',
      '{}',
      '{"name":"x","scopes":["root"]}',
      '{"name":"","scopes":["read"]}',
    ]) {
      expect((await create(body)).status, body).toBe(400);
    }
  });
});

describe('a server of this machine alone', () => {
  const local = { access: { trustLoopback: true, isControlToken: () => false } };

  it('needs no key, unless the request comes through a proxy or from a foreign web page', async () => {
    const server = await serve(local);
    expect((await getList(server)).status).toBe(200);
    expect((await getList(server, { 'X-Forwarded-For': '10.0.0.9' })).status).toBe(401);
    expect((await getList(server, { Forwarded: 'for=10.0.0.9' })).status).toBe(401);
    expect(await rawStatus(server, { Origin: 'https://elsewhere.example' })).toBe(401);
    expect(await rawStatus(server, { Host: 'rebound.example' })).toBe(401);
    const own = server.url.replace('http://', '');
    expect(await rawStatus(server, { Host: own, Origin: `http://${own}` })).toBe(200);
  });

  it('takes over request ids that are such, and makes its own otherwise', async () => {
    const server = await serve(local);
    const idFor = async (sent: string) => {
      const { headers } = await getList(server, { 'X-Request-Id': sent });
      return headers.get('x-request-id');
    };
    const uuid = '4b5c6d7e-8f90-4a1b-9c2d-3e4f5a6b7c8d';
    expect(await idFor(uuid)).toBe(uuid);
    expect(server.log()).toContain(uuid);
    for (const sent of ['1.2.840.113619.2.1.1.1', 'Nguyen Van A', '0123456789012345678901234']) {
      expect(await idFor(sent)).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});

describe('TLS', () => {
  it('shows its certificate, and the new one when the files change', async () => {
    const files = temporaryFolder();
    const authority = makeAuthority(files, 'authority');
    const first = authority.issue('first');
    const second = authority.issue('second');
    const tls = await openTlsCredentials({ logger: silentLogger }, first, 50);
    onTestFinished(() => {
      tls.close();
    });
    const server = await serve({ tls });
    expect(server.url).toMatch(/^https:/);
    expect(await subjectOf(server, authority.pem)).toBe('first');
    cpSync(second.key, first.key);
    cpSync(second.cert, first.cert);
    await eventually(async () => {
      expect(await subjectOf(server, authority.pem)).toBe('second');
    });
  });

  it('does not start with a key that is not the certificate’s', async () => {
    const authority = makeAuthority(temporaryFolder(), 'authority');
    const [first, second] = [authority.issue('first'), authority.issue('second')];
    await expect(
      openTlsCredentials({ logger: silentLogger }, { cert: first.cert, key: second.key }),
    ).rejects.toThrow(/PREREAD_TLS_CERT/);
  });
});

/** Common name of the certificate that the server shows to a client that trusts the authority. */
function subjectOf(server: IngestServer, ca: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: server.port, ca }, () => {
      resolve(socket.getPeerCertificate().subject.CN);
      socket.end();
    });
    socket.once('error', reject);
  });
}

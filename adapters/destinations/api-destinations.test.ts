import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { PipelineError } from '../../core/errors.js';
import { temporaryFolder } from '../../test/support/temp-folder.js';
import { createApiDestinations, type ApiDestinationsOptions } from './api-destinations.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const HOOK = {
  kind: 'webhook',
  url: 'https://ris.example/hook',
  secrets: ['env:PREREAD_SECRET_HOOK'],
};
const ARCHIVE = { kind: 'dimse', host: 'pacs', port: 104, calledAeTitle: 'ARCHIVE' };

function api(options: Partial<ApiDestinationsOptions> = {}) {
  return createApiDestinations({
    env: { PREREAD_SECRET_HOOK: SECRET, DATABASE_URL: 'postgres://u:password@db/preread' },
    secretsFolder: '/run/secrets',
    allowNetworks: [],
    sends: true,
    ...options,
  });
}

function refusal(body: unknown, options: Partial<ApiDestinationsOptions> = {}): string {
  try {
    api(options).check('ris', body);
  } catch (error) {
    const { code, message } = error as PipelineError;
    return `${code}: ${message}`;
  }
  return 'taken';
}

const stored = (definition: object) => ({ name: 'ris', definition, revision: '1', setAtMs: 5 });

describe('a destination that the API is given', () => {
  it('has the name of its address, defaults and secrets; kept is what was given', () => {
    const { destination, definition } = api().check('ris', HOOK);
    expect(destination).toMatchObject({ name: 'ris', concurrency: 4, secrets: [SECRET] });
    expect(definition).toEqual(HOOK);
  });

  it('is refused with every problem and its field, and no secret in the answer', () => {
    const body = {
      ...HOOK,
      name: 'other',
      secrets: [SECRET, 'env:PREREAD_SECRET_ABSENT'],
      concurrency: 0,
      ordr: 3,
    };
    const text = refusal(body);
    expect(text).toMatch(/^request-invalid: /);
    expect(text).toMatch(/name: .*"ris"$/m);
    expect(text).toMatch(/^secrets\[0\]: a secret is given by reference/m);
    expect(text).toMatch(/^secrets\[1\]: the environment variable PREREAD_SECRET_ABSENT is not/m);
    expect(text).toMatch(/^concurrency: /m);
    expect(text).toMatch(/"ordr"/);
    expect(text).not.toContain(SECRET);
    expect(refusal(undefined)).toMatch(/^request-invalid/);
    expect(refusal({ kind: 'fax' })).toMatch(/kind: .*'webhook'/);
  });

  it('takes the secrets that were laid out for it, and nothing else of the machine', () => {
    const secretsFolder = join(temporaryFolder(), 'secrets');
    mkdirSync(secretsFolder);
    const inside = join(secretsFolder, 'ris');
    const outside = join(secretsFolder, '..', 'id_rsa');
    writeFileSync(inside, `${SECRET}\n`);
    writeFileSync(outside, SECRET);
    const withSecret = (reference: string) => ({ ...HOOK, secrets: [reference] });
    expect(refusal(withSecret(`file:${inside}`), { secretsFolder })).toBe('taken');
    for (const path of [outside, secretsFolder, `${secretsFolder}/../id_rsa`]) {
      expect(refusal(withSecret(`file:${path}`), { secretsFolder })).toMatch(/PREREAD_SECRETS_DIR/);
    }
    expect(refusal(withSecret('env:DATABASE_URL'))).toMatch(/begin with PREREAD_SECRET_/);
  });

  it.each([
    ['url', { ...HOOK, url: 'https://10.1.0.5/hook' }],
    ['url', { ...HOOK, url: 'https://[fd00::1]/hook' }],
    ['url', { kind: 'dicomweb', url: 'https://169.254.169.254/latest' }],
    ['host', { ...ARCHIVE, host: '192.168.0.5' }],
    ['host', { kind: 'hl7', host: 'fd00::1', port: 2575 }],
    [
      'auth.tokenUrl',
      {
        kind: 'fhir',
        url: 'https://fhir.example/',
        auth: {
          kind: 'client-credentials',
          tokenUrl: 'https://10.1.0.5/token',
          clientId: 'preread',
          clientSecret: 'env:PREREAD_SECRET_HOOK',
        },
      },
    ],
  ])(
    'is refused at a private address in %s, unless the server allows its network',
    (field, body) => {
      expect(refusal(body)).toMatch(
        new RegExp(`^request-invalid: ${field}: .*PREREAD_DESTINATION_NETWORKS`),
      );
      const allowNetworks = ['10.1.0.0/16', '192.168.0.0/16', '169.254.0.0/16', 'fd00::/8'];
      expect(refusal(body, { allowNetworks })).toBe('taken');
    },
  );

  it('does not open networks itself', () => {
    expect(refusal({ ...HOOK, allowNetworks: ['10.0.0.0/8'] })).toMatch(
      /^request-invalid: allowNetworks: .*PREREAD_DESTINATION_NETWORKS/,
    );
  });

  it('is refused with TLS files that cannot be read where it would be sent from', () => {
    const body = { ...ARCHIVE, tls: { ca: '/nowhere/ca.pem' } };
    expect(refusal(body)).toMatch(/tls: .*\/nowhere\/ca\.pem/);
    expect(refusal(body, { sends: false })).toBe('taken');
  });

  it('keeps its references in a process that does not send', () => {
    const { destination } = api({ sends: false, env: {} }).check('ris', HOOK);
    expect(destination).toMatchObject({ secrets: HOOK.secrets });
  });
});

describe('a destination that the API was given', () => {
  it('is read as it was set', () => {
    expect(api().read(stored(HOOK))).toEqual({
      source: 'api',
      setAtMs: 5,
      definition: HOOK,
      destination: api().check('ris', HOOK).destination,
    });
  });

  it('says what is wrong where its secret is missing, and is there all the same', () => {
    const folder = temporaryFolder();
    const file = join(folder, 'ris');
    const definition = { ...HOOK, secrets: [`file:${file}`] };
    const here = api({ secretsFolder: folder });
    expect(here.read(stored(definition))).toMatchObject({
      destination: { name: 'ris', secrets: [`file:${file}`] },
      problem: `secrets[0]: the file ${file} cannot be read`,
    });
    writeFileSync(file, SECRET);
    const { problem, destination } = here.read(stored(definition));
    expect(problem).toBeUndefined();
    expect(destination).toMatchObject({ secrets: [SECRET] });
    rmSync(file);
  });

  it('is an error that passes where another version has set it', () => {
    expect(() => api().read(stored({ ...HOOK, ofLater: true }))).toThrow(
      expect.objectContaining({ code: 'delivery-unconfigured', failure: 'transient' }) as Error,
    );
  });
});

import { describe, expect, it } from 'vitest';

import { loadConfig } from '../../adapters/config/load-config.js';
import { createApiDestinations } from '../../adapters/destinations/api-destinations.js';
import type { Destinations, SetDestination } from '../../core/delivery/destinations.js';
import { silentLogger } from '../../core/log.js';
import { sampleReport } from '../../test/support/sample-report.js';
import { serveConfig } from './config.js';
import { createTargets, type SinkDeps } from './delivery-targets.js';

const DELIVERY = { deliveryId: 'd', studyId: 's', result: sampleReport() };
const HOOK = { kind: 'webhook', url: 'https://a.example/', secrets: ['env:PREREAD_SECRET_A'] };

const api = createApiDestinations({
  env: { PREREAD_SECRET_A: `whsec_${Buffer.alloc(24, 7).toString('base64')}` },
  secretsFolder: '/run/secrets',
  // More than the process allows: what was set before may be forbidden since.
  allowNetworks: ['10.0.0.0/8'],
  sends: true,
});

function set(name: string, changes: object = {}): SetDestination {
  const definition = 'kind' in changes ? changes : { ...HOOK, ...changes };
  return api.read({ name, definition, revision: '1', setAtMs: 0 });
}

/** Nothing here gets so far as to read a study. */
const unused = () => Promise.reject(new Error('not expected to be asked'));
const DEPS: SinkDeps = {
  store: { loadStudy: unused, loadResult: unused },
  objects: { path: String, guarded: unused },
  sentCommitments: { open: unused, report: unused, take: unused },
  metrics: { commitmentReport: () => undefined },
  clock: Date.now,
  logger: silentLogger,
};

/** What the process knows and what is stored, as a test changes them. */
function createBed(declared: readonly SetDestination[], ...stored: SetDestination[]) {
  const bed = { known: [...declared, ...stored], stored: [...declared, ...stored] };
  const destinations: Destinations = {
    declared,
    current: () => Promise.resolve(bed.known),
    latest: () => Promise.resolve((bed.known = bed.stored)),
  };
  const targets = createTargets(DEPS, loadConfig(serveConfig, {}), destinations);
  return Object.assign(bed, { targets });
}

describe('targets of deliveries', () => {
  it('keep lane and sink of what did not change when others change', async () => {
    const [a, b] = [set('a'), set('b')];
    const bed = createBed([a], b);
    const before = { a: await bed.targets.find('a'), b: await bed.targets.find('b') };
    bed.known = [a, set('b', { concurrency: 9 })];
    const after = { a: await bed.targets.find('a'), b: await bed.targets.find('b') };
    expect(after.a?.lane).toBe(before.a?.lane);
    expect(after.a?.sink).toBe(before.a?.sink);
    expect(after.b?.lane).not.toBe(before.b?.lane);
    expect(after.b?.sink).not.toBe(before.b?.sink);
  });

  it('tell of a failure whoever wants to hear of it by now', async () => {
    const [a, listening] = [set('a'), set('b', { events: ['delivery.failed'] })];
    const bed = createBed([a]);
    expect((await bed.targets.find('a'))?.failureListeners).toEqual([]);
    bed.known = [a, listening];
    expect((await bed.targets.find('a'))?.failureListeners).toEqual(['b']);
  });

  it('are looked up afresh before one is said not to be there', async () => {
    const bed = createBed([]);
    bed.stored = [set('made-a-moment-ago'), set('off', { enabled: false })];
    expect(await bed.targets.find('made-a-moment-ago')).toBeDefined();
    expect(await bed.targets.find('off')).toBeUndefined();
    expect(await bed.targets.find('never')).toBeUndefined();
  });

  it('have places for all lanes, also when these change', async () => {
    const bed = createBed([set('a', { concurrency: 2 })]);
    expect(await bed.targets.places()).toBe(6);
    bed.known = [...bed.known, set('b', { concurrency: 16 })];
    expect(await bed.targets.places()).toBe(22);
    bed.known = [];
    expect(await bed.targets.places()).toBe(4);
  });

  it('say what is missing when one cannot be used, so that its deliveries wait', async () => {
    const bed = createBed([], set('a', { secrets: ['env:PREREAD_SECRET_B'] }));
    await expect((await bed.targets.find('a'))?.sink.send(DELIVERY)).rejects.toMatchObject({
      code: 'delivery-unconfigured',
      failure: 'transient',
      message: 'secrets[0]: the environment variable PREREAD_SECRET_B is not set',
    });
  });

  it.each([
    ['webhook', { url: 'https://10.1.2.3/' }],
    ['dicomweb', { kind: 'dicomweb', url: 'https://10.1.2.3/' }],
    ['fhir', { kind: 'fhir', url: 'https://10.1.2.3/' }],
    ['hl7', { kind: 'hl7', host: '10.1.2.3', port: 2575 }],
    [
      'dimse',
      {
        kind: 'dimse',
        host: '10.1.2.3',
        port: 104,
        calledAeTitle: 'ARCHIVE',
      },
    ],
  ])('send nothing to a private address that the API has set (%s)', async (_kind, changes) => {
    const bed = createBed([], set('a', changes));
    await expect((await bed.targets.find('a'))?.sink.send(DELIVERY)).rejects.toMatchObject({
      code: 'delivery-forbidden',
    });
  });
});

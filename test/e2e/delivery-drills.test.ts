import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { demoStudies } from '../../scripts/phantom/demo-studies.js';
import { deadLetterListSchema } from '../../services/ingest-http/routes/operations-schemas.js';
import { eventually } from '../support/eventually.js';
import { startServe } from '../support/preread-process.js';
import { stow } from '../support/stow.js';
import { fetchStudy } from '../support/study-api.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { makeTlsIdentity } from '../support/tls-identity.js';
import {
  troubledArchive,
  troubledHttp,
  troubledMllp,
  TROUBLES,
  type Trouble,
} from '../support/troubled-receivers.js';

const SECRET = `whsec_${Buffer.from('a secret of the test suite, 32 b').toString('base64')}`;

const KINDS = ['webhook', 'dicomweb', 'fhir', 'hl7', 'dimse'] as const;
type Kind = (typeof KINDS)[number];

/** Troubles that do not pass, and the error with which what they meet is given up. */
const GIVEN_UP: Partial<Record<Trouble, string>> = {
  away: 'delivery-unreachable',
  hung: 'delivery-timeout',
  certificate: 'delivery-unreachable',
};
/** Keys of one delivery: a message has one, an archive's are those of its objects. */
const KEYS: Readonly<Record<Kind, number>> = { webhook: 1, dicomweb: 1, fhir: 1, hl7: 1, dimse: 2 };

const start = {
  webhook: troubledHttp,
  dicomweb: troubledHttp,
  fhir: troubledHttp,
  hl7: troubledMllp,
  dimse: troubledArchive,
} as const;

/** As it stands in the file of destinations. JSON is YAML. */
function destination(kind: Kind, trouble: Trouble, port: number) {
  const tls = trouble === 'certificate';
  const url = `${tls ? 'https' : 'http'}://localhost:${port}/`;
  const place = { host: 'localhost', port, ...(tls && { tls: {} }) };
  const objects = { objects: ['sr', 'sc'] };
  const own = {
    webhook: { url, secrets: ['env:DRILL_SECRET'] },
    dicomweb: { url, ...objects },
    fhir: { url, patientIdentifierSystem: 'urn:drill' },
    hl7: place,
    dimse: { ...place, calledAeTitle: 'ARCHIVE', ...objects },
  };
  const lasts = GIVEN_UP[trouble] !== undefined;
  return {
    kind,
    name: nameOf(kind, trouble),
    timeoutSeconds: trouble === 'hung' ? 1 : 60,
    retry: { delaysSeconds: Array.from({ length: lasts ? 2 : 8 }, () => 1) },
    ...own[kind],
  };
}

function nameOf(kind: Kind, trouble: Trouble): string {
  return `${kind}-${trouble.replace(' ', '-')}`;
}

describe('a result on its way', () => {
  it('arrives once by its key, or waits for a person, whatever its receiver does', async () => {
    const folder = temporaryFolder();
    const identity = makeTlsIdentity(folder);
    const drills = await Promise.all(
      KINDS.flatMap((kind) =>
        TROUBLES.map(async (trouble) => ({
          kind,
          trouble,
          name: nameOf(kind, trouble),
          receiver: await start[kind](trouble, identity),
        })),
      ),
    );
    const file = join(folder, 'destinations.yaml');
    const destinations = drills.map(({ kind, trouble, receiver }) =>
      destination(kind, trouble, receiver.port),
    );
    writeFileSync(file, JSON.stringify({ destinations }));
    const serve = await startServe({
      PREREAD_DATA_DIR: join(folder, 'data'),
      PREREAD_DESTINATIONS: file,
      DRILL_SECRET: SECRET,
      PREREAD_MIN_FREE_BYTES: '0',
      PREREAD_INFERENCE_PROCESSES: '1',
    });
    try {
      const { StudyInstanceUID, instances } = await firstStudy();
      const bytes = instances.map((instance) => instance.bytes);
      expect((await stow(serve.url, bytes)).status).toBe(200);
      const ended = await eventually(
        async () => {
          const { deliveries = [] } = (await fetchStudy(serve.url, StudyInstanceUID)) ?? {};
          expect(deliveries).toHaveLength(drills.length);
          const open = deliveries.filter(({ state }) => state !== 'delivered' && state !== 'dead');
          expect(open.map(({ destination, lastError }) => `${destination} ${lastError}`)).toEqual(
            [],
          );
          return deliveries;
        },
        { timeoutMs: 120_000, intervalMs: 500 },
      );
      const byName = new Map(ended.map((delivery) => [delivery.destination, delivery]));
      for (const { kind, trouble, name, receiver } of drills) {
        const delivery = byName.get(name);
        const code = GIVEN_UP[trouble];
        if (code === undefined) {
          expect(delivery?.state, `${name}: ${delivery?.lastError}`).toBe('delivered');
          expect(new Set(receiver.keys).size, name).toBe(KEYS[kind]);
          expect(delivery?.attempts, name).toBeGreaterThan(1);
        } else {
          expect(delivery?.state, name).toBe('dead');
          expect(delivery?.lastError, name).toContain(code);
          expect(receiver.keys, name).toEqual([]);
        }
        expect(await deadLetters(serve.url, name), name).toBe(code === undefined ? 0 : 1);
      }
    } finally {
      await serve.stop();
      await Promise.all(drills.map(({ receiver }) => receiver.close()));
    }
  });
});

async function deadLetters(url: string, name: string): Promise<number> {
  const answer = await fetch(`${url}/api/v1/dead-letters?kind=delivery&destination=${name}`);
  return deadLetterListSchema.parse(await answer.json()).deadLetters.length;
}

async function firstStudy() {
  for await (const study of demoStudies({ seed: 'drills', count: 1, Rows: 256, Columns: 256 })) {
    return study;
  }
  throw new Error('the phantom made no study');
}

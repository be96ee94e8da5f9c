import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { createDestinationStore } from '../../adapters/database/destination-store.js';
import { createApiDestinations } from '../../adapters/destinations/api-destinations.js';
import type { CheckedDestination, DestinationStore } from '../../core/storage/destination-store.js';
import { sampleOutcome } from '../support/sample-study.js';
import { createStoreBed, TO_HOOK, type StoreBed } from '../support/stored-study.js';
import type { TestDatabase } from '../support/test-database.js';

const { check } = createApiDestinations({
  env: { PREREAD_SECRET_HOOK: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' },
  secretsFolder: '/run/secrets',
  allowNetworks: [],
  sends: true,
});

function hook(name: string, url = 'https://ris.example/hook'): CheckedDestination {
  return check(name, { kind: 'webhook', url, secrets: ['env:PREREAD_SECRET_HOOK'] });
}

/** What every store of destinations must do. `open` gives a database for the whole suite. */
export function describeDestinationStore(name: string, open: () => Promise<TestDatabase>): void {
  describe(`destination store: ${name}`, () => {
    let database: TestDatabase;
    let bed: StoreBed;
    let store: DestinationStore;

    beforeAll(async () => {
      database = await open();
    });
    afterAll(() => database.close());
    beforeEach(async () => {
      await database.empty();
      bed = createStoreBed(database);
      store = createDestinationStore({ pool: database.pool, clock: () => bed.nowMs }, {});
    });

    it('keeps what was put, by name, and no secret', async () => {
      expect(await store.put(hook('ris'), 'key admin')).toBe('created');
      expect(await store.put(hook('emr'), 'key admin')).toBe('created');
      const [emr, ris] = await store.list();
      expect([emr?.name, ris?.name]).toEqual(['emr', 'ris']);
      expect(ris).toMatchObject({ definition: hook('ris').definition, setAtMs: bed.nowMs });
      const { rows } = await database.pool.query('SELECT * FROM destinations, audit_log');
      expect(JSON.stringify(rows)).not.toContain('whsec_');
    });

    it('replaces what is put again, and tells the two apart even when they are equal', async () => {
      await store.put(hook('ris'), 'key admin');
      const [before] = await store.list();
      bed.nowMs += 1_000;
      expect(await store.put(hook('ris'), 'key admin')).toBe('replaced');
      const [after, ...more] = await store.list();
      expect(more).toEqual([]);
      expect(after?.revision).not.toBe(before?.revision);
      expect(after?.setAtMs).toBe(bed.nowMs);
    });

    it('takes one name from several at the same time', async () => {
      await Promise.all(
        ['a', 'b', 'c', 'd'].map((path) =>
          store.put(hook('ris', `https://ris.example/${path}`), path),
        ),
      );
      expect(await store.list()).toHaveLength(1);
    });

    it('removes, and writes down who changed what', async () => {
      await store.put(hook('ris'), 'key admin');
      expect(await store.remove('ris', 'key other')).toBe(true);
      expect(await store.remove('ris', 'key other')).toBe(false);
      expect(await store.list()).toEqual([]);
      const { rows } = await database.pool.query(
        'SELECT actor, action, detail FROM audit_log ORDER BY entry',
      );
      expect(rows).toEqual([
        {
          actor: 'key admin',
          action: 'set-destination',
          detail: { destination: 'ris', kind: 'webhook' },
        },
        { actor: 'key other', action: 'remove-destination', detail: { destination: 'ris' } },
      ]);
    });

    it('opens one that was gone when its address is another one, and not otherwise', async () => {
      const { destination } = TO_HOOK;
      const closed = async () =>
        (await bed.operations.closedDestinations()).map((one) => one.destination);
      await store.put(hook(destination), 'key admin');
      const { deliveryId } = await bed.finishedStudy(sampleOutcome);
      await bed.store.recordDeliveryAttempt(deliveryId, {
        kind: 'dead',
        error: 'gone',
        tell: [],
        closes: true,
      });
      expect(await closed()).toEqual([destination]);
      await store.put(hook(destination), 'key admin');
      expect(await closed()).toEqual([destination]);
      await store.put(hook(destination, 'https://ris.example/new'), 'key admin');
      expect(await closed()).toEqual([]);
    });
  });
}

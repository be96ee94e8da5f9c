import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  DELIVERY_MACHINE,
  INSTANCE_MACHINE,
  OBJECT_MACHINE,
  STUDY_MACHINE,
} from '../../core/states/machines.js';
import { mayMove, type StateMachine } from '../../core/states/state-machine.js';
import type { InstanceOutcome } from '../../core/results/outcome.js';
import type { DeliveryAttempt, StudySnapshot } from '../../core/storage/study-store.js';
import {
  sampleInstance,
  sampleOutcome,
  sampleResult,
  sampleTimes,
} from '../support/sample-study.js';
import { createStoreBed, FAILED, TO_HOOK, type StoreBed } from '../support/stored-study.js';
import type { TestDatabase } from '../support/test-database.js';

/** Everything that anybody can do to one study, in any order, also what makes no sense. */
const STEPS = [
  'receive',
  'receive another',
  'relay',
  'outcome',
  'failure',
  'assemble',
  'deliver',
  'archive takes',
  'archive does not commit',
  'give up',
  'retry',
  'reprocess',
  'replay delivery',
  'send again',
  'deliver the first',
  'replay instance',
  'sweep',
  'purge',
] as const;
type Step = (typeof STEPS)[number];

const THEN_PACS = { destination: 'pacs', order: 1, onlyIfToldBefore: false };
const REQUEST = { actor: 'admin', reason: 'a property' };
type States = Readonly<Record<string, { machine: StateMachine<string>; state: string }>>;

/** Whatever is done to a study in whatever order: no state changes but as the table says. */
export function describeStates(name: string, open: () => Promise<TestDatabase>): void {
  describe(`states: ${name}`, () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await open();
    });
    afterAll(() => database.close());
    beforeEach(() => database.empty());

    it('change only as the table of transitions allows, in any order of events', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.constantFrom(...STEPS), { minLength: 1, maxLength: 25 }),
          async (steps) => {
            await database.empty();
            const bed = createStoreBed(database);
            const subject = createSubject(bed);
            let before: States = {};
            for (const step of steps) {
              bed.nowMs += 60_000;
              await subject.take(step);
              const after = await subject.states();
              for (const [id, { machine, state }] of Object.entries(after)) {
                const from = before[id]?.state ?? 'nothing';
                expect(
                  mayMove(machine, from, state),
                  `${step}: ${machine.about} from ${from} to ${state}`,
                ).toBe(true);
              }
              expect(Object.keys(after)).toEqual(expect.arrayContaining(Object.keys(before)));
              before = after;
            }
          },
        ),
        { numRuns: 25, seed: 20_260_115 },
      );
    });
  });
}

function createSubject(bed: StoreBed) {
  const { store, operations } = bed;
  const first = sampleInstance();
  const { StudyInstanceUID } = first.identity;
  const find = () => store.findStudy(StudyInstanceUID);
  /** Of the latest request for storage commitment. */
  let transaction = '';

  async function assemble(study: StudySnapshot): Promise<void> {
    const { studyId, activity, assembledActivity } = study.study;
    const complete = study.instances.every(({ outcome }) => outcome !== undefined);
    if (complete && activity > assembledActivity) {
      const version = (study.latestResult?.resultVersion ?? 0) + 1;
      const result = sampleResult(StudyInstanceUID, version);
      await store.recordResult(studyId, result, activity, [TO_HOOK, THEN_PACS]);
    }
  }

  async function take(step: Step): Promise<void> {
    const found = await find();
    const instance = found?.instances[0];
    // The last of those that are on their way; else any.
    const delivery =
      found?.deliveries.filter(({ state }) => state === 'pending').at(-1) ??
      found?.deliveries.at(-1);
    const attempt = (outcome: DeliveryAttempt) =>
      delivery && store.recordDeliveryAttempt(delivery.deliveryId, outcome);
    const finish = (outcome: InstanceOutcome) =>
      instance && store.recordOutcome(instance.instanceId, outcome, sampleTimes, 0);
    switch (step) {
      case 'receive':
        await store.recordInstance({ ...first, receivedAtMs: bed.nowMs });
        break;
      case 'receive another':
        await store.recordInstance(
          sampleInstance({
            StudyInstanceUID: first.identity.StudyInstanceUID,
            receivedAtMs: bed.nowMs,
          }),
        );
        break;
      case 'relay':
        await bed.drain();
        break;
      case 'outcome':
        for (const { instanceId } of found?.instances ?? []) {
          await store.recordOutcome(instanceId, sampleOutcome, sampleTimes, 0);
        }
        break;
      case 'failure':
        await finish(FAILED);
        break;
      case 'assemble':
        await (found && assemble(found));
        break;
      case 'deliver':
        await attempt({ kind: 'delivered', atMs: bed.nowMs, receipt: {} });
        break;
      case 'deliver the first': {
        const [first] = found?.deliveries ?? [];
        await (first &&
          store.recordDeliveryAttempt(first.deliveryId, {
            kind: 'delivered',
            atMs: bed.nowMs,
            receipt: {},
          }));
        break;
      }
      case 'archive takes':
        transaction = `2.25.${bed.nowMs}`;
        await (delivery && bed.sentCommitments.open(delivery.deliveryId, transaction));
        await attempt({
          kind: 'delivered',
          atMs: bed.nowMs,
          receipt: { commitment: 'requested' },
        });
        break;
      case 'archive does not commit':
        await bed.sentCommitments.report(transaction, {
          committedCount: 0,
          failedCount: 1,
          failureReason: 0x0112,
        });
        break;
      case 'give up':
        await attempt({ kind: 'dead', error: 'x', tell: [] });
        break;
      case 'retry':
        await attempt({ kind: 'retry', error: 'x', nextAttemptAtMs: bed.nowMs });
        break;
      case 'reprocess':
        await operations.reprocess(StudyInstanceUID, REQUEST);
        break;
      case 'send again':
        await (delivery && operations.replayDelivery(delivery.deliveryId, REQUEST));
        return;
      case 'replay delivery':
        await (delivery && operations.replayDeadLetter(delivery.deliveryId, REQUEST));
        break;
      case 'replay instance':
        await (instance && operations.replayDeadLetter(instance.instanceId, REQUEST));
        break;
      case 'sweep':
        await store.requeueUnfinished(bed.nowMs);
        break;
      case 'purge':
        await operations.purge({ storedBeforeMs: bed.nowMs, limit: 10 }, 'age');
        break;
    }
  }

  async function states(): Promise<States> {
    const found = await find();
    if (found === undefined) {
      return {};
    }
    const { study, instances, deliveries } = found;
    const ready = study.assembledActivity >= study.activity;
    return {
      [study.studyId]: { machine: STUDY_MACHINE, state: ready ? 'ready' : 'analysing' },
      ...Object.fromEntries(
        instances.flatMap(({ instanceId, outcome, queuedAtMs, purgedAtMs }) => [
          [
            instanceId,
            {
              machine: INSTANCE_MACHINE,
              state: outcome?.kind ?? (queuedAtMs === undefined ? 'received' : 'queued'),
            },
          ],
          [
            `object of ${instanceId}`,
            { machine: OBJECT_MACHINE, state: purgedAtMs === undefined ? 'stored' : 'purged' },
          ],
        ]),
      ),
      ...Object.fromEntries(
        deliveries.map(({ deliveryId, state }) => [
          deliveryId,
          { machine: DELIVERY_MACHINE, state },
        ]),
      ),
    } as States;
  }

  return { take, states };
}

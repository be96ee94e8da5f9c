import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { DicomUid } from '../dicom/uid.js';
import { PRIORITIES, priorityRank, raisePriority } from './priority.js';
import { orderWorklist } from './worklist.js';

const studies = fc
  .array(
    fc.record({
      requestedPriority: fc.constantFrom(...PRIORITIES),
      priority: fc.constantFrom(...PRIORITIES),
      firstReceivedAtMs: fc.integer({ min: 0, max: 1_000 }),
    }),
    { maxLength: 40 },
  )
  .map((list) =>
    list.map((study, index) => ({ ...study, StudyInstanceUID: `2.25.${index + 1}` as DicomUid })),
  );
const options = fc.record({
  nowMs: fc.integer({ min: 0, max: 2_000 }),
  maxRoutineWaitMs: fc.integer({ min: 0, max: 1_500 }),
});

describe('orderWorklist', () => {
  it('loses no study and invents none', () => {
    fc.assert(
      fc.property(studies, options, (list, given) => {
        const uids = (all: readonly { StudyInstanceUID: string }[]) =>
          all.map(({ StudyInstanceUID }) => StudyInstanceUID).sort();
        expect(uids(orderWorklist(list, given))).toEqual(uids(list));
      }),
    );
  });

  it("never lowers an order's priority, nor the result's", () => {
    fc.assert(
      fc.property(studies, options, (list, given) => {
        const byUid = new Map(list.map((study) => [study.StudyInstanceUID, study]));
        for (const entry of orderWorklist(list, given)) {
          const study = byUid.get(entry.StudyInstanceUID)!;
          expect(entry.priority).toBe(raisePriority(study.requestedPriority, study.priority));
        }
      }),
    );
  });

  it('puts nothing before a stat study but older stat studies', () => {
    fc.assert(
      fc.property(studies, options, (list, given) => {
        const ordered = orderWorklist(list, given);
        const stats = ordered.filter(({ priority }) => priority === 'stat').length;
        expect(ordered.slice(0, stats).every(({ priority }) => priority === 'stat')).toBe(true);
      }),
    );
  });

  it('puts nothing but stat studies and older ones before a study that has waited too long', () => {
    fc.assert(
      fc.property(studies, options, (list, given) => {
        const ordered = orderWorklist(list, given);
        ordered.forEach((entry, index) => {
          if (entry.overdue) {
            for (const before of ordered.slice(0, index)) {
              expect(
                before.priority === 'stat' || before.firstReceivedAtMs <= entry.firstReceivedAtMs,
              ).toBe(true);
            }
          }
        });
      }),
    );
  });

  it('orders by priority and then by age while nobody has waited too long', () => {
    fc.assert(
      fc.property(studies, fc.integer({ min: 0, max: 2_000 }), (list, nowMs) => {
        const ordered = orderWorklist(list, { nowMs, maxRoutineWaitMs: 2_000 });
        ordered.slice(1).forEach((entry, index) => {
          const before = ordered[index]!;
          const step = priorityRank(entry.priority) - priorityRank(before.priority);
          expect(
            step > 0 || (step === 0 && before.firstReceivedAtMs <= entry.firstReceivedAtMs),
          ).toBe(true);
        });
      }),
    );
  });

  it('gives the same order whatever the order of its input', () => {
    fc.assert(
      fc.property(studies, options, (list, given) => {
        expect(orderWorklist([...list].reverse(), given)).toEqual(orderWorklist(list, given));
      }),
    );
  });
});

/**
 * What the order of the worklist does to waiting times: one reader, studies in the order of arrival against
 * the order of core/triage/worklist.ts. The table goes into docs/worklist.md.
 *
 * npx tsx scripts/simulate-worklist.ts [seed]
 */
import type { DicomUid } from '../core/dicom/uid.js';
import { seededRandom } from '../core/evaluation/seeded-random.js';
import type { Priority } from '../core/triage/priority.js';
import { orderWorklist, type WaitingStudy } from '../core/triage/worklist.js';

const MINUTE_MS = 60_000;
const STUDIES = 20_000;
/** A reader takes four minutes on average for a study; one arrives every 4.4 minutes: busy for 91 %. */
const READING_MS = 4 * MINUTE_MS;
const ARRIVAL_MS = 4.4 * MINUTE_MS;
const MAX_ROUTINE_WAIT_MS = 120 * MINUTE_MS;
const ORDERED: readonly (readonly [Priority, number])[] = [
  ['stat', 0.03],
  ['urgent', 0.12],
  ['routine', 0.85],
];
/** Of the studies that are not stat: what a model raises, rightly or not. */
const FLAGGED = 0.2;

interface Study extends WaitingStudy {
  readonly readingMs: number;
  readonly flagged: boolean;
}

const random = seededRandom(Number(process.argv[2] ?? 1));
const exponential = (meanMs: number): number => -meanMs * Math.log(1 - random());

function draw(): Study[] {
  let atMs = 0;
  return Array.from({ length: STUDIES }, (_, index) => {
    atMs += exponential(ARRIVAL_MS);
    let rest = random();
    const requestedPriority =
      ORDERED.find(([, share]) => (rest -= share) < 0)?.[0] ?? ('routine' as const);
    const flagged = random() < FLAGGED;
    return {
      StudyInstanceUID: `2.25.${index + 1}` as DicomUid,
      requestedPriority,
      priority: flagged && requestedPriority === 'routine' ? 'urgent' : requestedPriority,
      firstReceivedAtMs: atMs,
      readingMs: exponential(READING_MS),
      flagged,
    };
  });
}

type Choose = (waiting: readonly Study[], nowMs: number) => Study;

/** Minutes from arrival to the begin of reading, of each study. */
function simulate(studies: readonly Study[], choose: Choose): Map<Study, number> {
  const waits = new Map<Study, number>();
  const waiting = new Set<Study>();
  let next = 0;
  let nowMs = 0;
  while (waits.size < studies.length) {
    for (
      let study = studies[next];
      study && study.firstReceivedAtMs <= nowMs;
      study = studies[next]
    ) {
      waiting.add(study);
      next += 1;
    }
    if (waiting.size === 0) {
      nowMs = studies[next]?.firstReceivedAtMs ?? nowMs;
      continue;
    }
    const study = choose([...waiting], nowMs);
    waiting.delete(study);
    waits.set(study, (nowMs - study.firstReceivedAtMs) / MINUTE_MS);
    nowMs += study.readingMs;
  }
  return waits;
}

const byArrival: Choose = (waiting) => waiting[0]!;
const byWorklist =
  (maxRoutineWaitMs: number): Choose =>
  (waiting, nowMs) => {
    const first = orderWorklist(waiting, { nowMs, maxRoutineWaitMs })[0];
    return waiting.find(({ StudyInstanceUID }) => StudyInstanceUID === first?.StudyInstanceUID)!;
  };

const classes: Readonly<Record<string, (study: Study) => boolean>> = {
  'ordered stat': ({ requestedPriority }) => requestedPriority === 'stat',
  'ordered urgent': ({ requestedPriority }) => requestedPriority === 'urgent',
  'routine, flagged': ({ requestedPriority, flagged }) =>
    requestedPriority === 'routine' && flagged,
  'routine, not flagged': ({ requestedPriority, flagged }) =>
    requestedPriority === 'routine' && !flagged,
};

const studies = draw();
const orders: Readonly<Record<string, Choose>> = {
  'order of arrival': byArrival,
  'priority, no limit': byWorklist(Infinity),
  'priority, limit 120 min': byWorklist(MAX_ROUTINE_WAIT_MS),
};
console.log(`| class | studies | ${Object.keys(orders).join(' | ')} |`);
console.log(`|---|---|${'---|'.repeat(Object.keys(orders).length)}`);
const results = Object.values(orders).map((choose) => simulate(studies, choose));
for (const [name, belongs] of Object.entries(classes)) {
  const members = studies.filter(belongs);
  const cells = results.map((waits) => {
    const minutes = members.map((study) => waits.get(study) ?? 0);
    const mean = minutes.reduce((sum, value) => sum + value, 0) / minutes.length;
    return `${mean.toFixed(0)} / ${Math.max(...minutes).toFixed(0)}`;
  });
  console.log(`| ${name} | ${members.length} | ${cells.join(' | ')} |`);
}

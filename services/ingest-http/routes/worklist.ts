import type { RequestHandler } from 'express';
import { z } from 'zod';

import type { StudyStore, StudySummary } from '../../../core/storage/study-store.js';
import { isoTime, type Clock } from '../../../core/time.js';
import { orderWorklist, type WorklistEntry } from '../../../core/triage/worklist.js';
import { parseRequest } from '../http/parse-request.js';
import { studySummarySchema, summaryToJson } from './studies.js';

const HOUR_MS = 3_600_000;
const MAX_HOURS = 168;
const MAX_PAGE_SIZE = 500;
/** Of the database, for each reading. */
const BATCH = 500;

export interface WorklistDeps {
  readonly studies: Pick<StudyStore, 'listStudies'>;
  readonly clock: Clock;
}

export interface WorklistRouteOptions {
  readonly maxRoutineWaitMs: number;
}

export const worklistQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_SIZE).default(100),
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
  hours: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_HOURS)
    .default(24)
    .describe('Studies that were received within so many hours.'),
  asOf: z.iso
    .datetime()
    .optional()
    .describe('`asOf` of the first page, so that what has come since moves no page.'),
});

export const worklistEntrySchema = studySummarySchema
  .extend({
    place: z.int().positive().describe('1 is to be read first.'),
    waitedSeconds: z.int().nonnegative(),
    overdue: z
      .boolean()
      .describe('A routine study that has waited too long: it stands among the urgent ones.'),
  })
  .meta({ id: 'WorklistEntry' });

export const worklistSchema = z
  .object({
    asOf: z.iso.datetime().describe('The time for which the order holds.'),
    total: z.int().nonnegative(),
    studies: z.array(worklistEntrySchema),
    nextOffset: z.int().optional().describe('Absent on the last page.'),
  })
  .meta({ id: 'Worklist' });

/** The studies of the last hours in the order in which they are to be read. */
export function getWorklist(
  { studies, clock }: WorklistDeps,
  { maxRoutineWaitMs }: WorklistRouteOptions,
): RequestHandler {
  return async (request, response) => {
    const { limit, offset, hours, asOf } = parseRequest(worklistQuerySchema, request.query);
    const nowMs = asOf === undefined ? clock() : Date.parse(asOf);
    const found = await receivedBetween(studies, nowMs - hours * HOUR_MS, nowMs);
    const ordered = orderWorklist(found, { nowMs, maxRoutineWaitMs });
    const end = offset + limit;
    response.json({
      asOf: isoTime(nowMs),
      total: ordered.length,
      studies: ordered.slice(offset, end).map((entry, index) => toJson(entry, offset + index + 1)),
      nextOffset: end < ordered.length ? end : undefined,
    } satisfies z.infer<typeof worklistSchema>);
  };
}

async function receivedBetween(
  studies: WorklistDeps['studies'],
  sinceMs: number,
  untilMs: number,
): Promise<StudySummary[]> {
  const found: StudySummary[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await studies.listStudies({
      limit: BATCH,
      ...(cursor !== undefined && { cursor }),
    });
    const recent = page.studies.filter(({ firstReceivedAtMs }) => firstReceivedAtMs >= sinceMs);
    found.push(...recent.filter(({ firstReceivedAtMs }) => firstReceivedAtMs <= untilMs));
    if (page.nextCursor === undefined || recent.length < page.studies.length) {
      return found;
    }
    cursor = page.nextCursor;
  }
}

function toJson(
  { waitedMs, overdue, ...summary }: WorklistEntry<StudySummary>,
  place: number,
): z.infer<typeof worklistEntrySchema> {
  return {
    place,
    ...summaryToJson(summary),
    waitedSeconds: Math.floor(waitedMs / 1_000),
    overdue,
  };
}

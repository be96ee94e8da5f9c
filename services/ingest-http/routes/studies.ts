import type { RequestHandler } from 'express';
import { z } from 'zod';

import { parseUid } from '../../../core/dicom/uid.js';
import { PipelineError } from '../../../core/errors.js';
import { studyResultSchema } from '../../../core/results/study-result.js';
import { STUDY_STATES } from '../../../core/storage/study-store.js';
import type { StudyStore, StudySummary } from '../../../core/storage/study-store.js';
import { isoTime } from '../../../core/time.js';
import { PRIORITIES } from '../../../core/triage/priority.js';
import { deliveryToJson } from './deliveries.js';
import { deliverySchema } from './deliveries-schemas.js';
import { parseRequest } from '../http/parse-request.js';

const MAX_PAGE_SIZE = 500;
const time = z.iso.datetime();

export const studyQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_SIZE).default(50),
  cursor: z.string().optional().describe('`nextCursor` of the page before.'),
  state: z.enum(STUDY_STATES).optional(),
  flagged: z.enum(['true', 'false']).optional(),
});

export const studySummarySchema = z
  .object({
    StudyInstanceUID: z.string(),
    state: z
      .enum(STUDY_STATES)
      .describe('`analysing` until a result covers everything that was received.'),
    requestedPriority: z
      .enum(PRIORITIES)
      .describe(
        "The priority that the study came with: the more urgent of its order's and a site rule's.",
      ),
    priority: z.enum(PRIORITIES).describe("The latest result's; before that the requested one."),
    flagged: z.boolean().optional().describe('Absent before the first result.'),
    resultVersion: z.int().positive().optional().describe('Absent before the first result.'),
    instanceCount: z.int().nonnegative(),
    firstReceivedAt: time,
    lastActivityAt: time,
  })
  .meta({ id: 'StudySummary' });

export const studyListSchema = z
  .object({
    studies: z.array(studySummarySchema),
    nextCursor: z.string().optional().describe('Absent on the last page.'),
  })
  .meta({ id: 'StudyList' });

export const studySchema = z
  .object({
    study: studySummarySchema,
    result: studyResultSchema.optional().describe('The latest one. Absent before the first.'),
    deliveries: z.array(deliverySchema),
  })
  .meta({ id: 'Study' });

type StudyDetails = NonNullable<Awaited<ReturnType<StudyStore['findStudy']>>>;

/** The studies, newest first, in pages. */
export function listStudies(studies: Pick<StudyStore, 'listStudies'>): RequestHandler {
  return async (request, response) => {
    const { flagged, ...query } = parseRequest(studyQuerySchema, request.query);
    const page = await studies.listStudies({
      ...query,
      ...(flagged === undefined ? {} : { flagged: flagged === 'true' }),
    });
    response.json({
      studies: page.studies.map(summaryToJson),
      nextCursor: page.nextCursor,
    } satisfies z.infer<typeof studyListSchema>);
  };
}

/** One study with its latest result and what became of its deliveries. */
export function getStudy(studies: Pick<StudyStore, 'findStudy'>): RequestHandler {
  return async (request, response) => {
    const StudyInstanceUID = parseUid(String(request.params['StudyInstanceUID']));
    const found = StudyInstanceUID && (await studies.findStudy(StudyInstanceUID));
    if (found === undefined) {
      throw new PipelineError('not-found', 'No such study has been received.');
    }
    response.json({
      study: summaryToJson(summarise(found)),
      result: found.latestResult,
      deliveries: found.deliveries.map(deliveryToJson),
    } satisfies z.infer<typeof studySchema>);
  };
}

function summarise({ study, instances, latestResult }: StudyDetails): StudySummary {
  return {
    StudyInstanceUID: study.StudyInstanceUID,
    state: study.assembledActivity >= study.activity ? 'ready' : 'analysing',
    requestedPriority: study.requestedPriority,
    priority: latestResult?.triage.priority ?? study.requestedPriority,
    flagged: latestResult?.triage.flagged,
    resultVersion: latestResult?.resultVersion,
    instanceCount: instances.length,
    firstReceivedAtMs: study.firstReceivedAtMs,
    lastActivityAtMs: study.lastActivityAtMs,
  };
}

export function summaryToJson(summary: StudySummary): z.infer<typeof studySummarySchema> {
  const { firstReceivedAtMs, lastActivityAtMs, ...rest } = summary;
  return {
    ...rest,
    firstReceivedAt: isoTime(firstReceivedAtMs),
    lastActivityAt: isoTime(lastActivityAtMs),
  };
}

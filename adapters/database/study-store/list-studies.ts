import type { Kysely, Selectable } from 'kysely';
import { sql } from 'kysely';

import type { StudyQuery, StudySummary } from '../../../core/storage/study-store.js';
import type { DatabaseSchema } from '../schema.js';
import { decodeCursor, takePage } from './cursor.js';
import { toPriority, toStudy } from './rows.js';

/** Newest first. The cursor is the place of a page's last study in that order. */
export async function listStudies(
  db: Kysely<DatabaseSchema>,
  { limit, cursor, state, flagged }: StudyQuery,
): Promise<{ studies: readonly StudySummary[]; nextCursor: string | undefined }> {
  let query = db.selectFrom('studies').selectAll();
  if (cursor !== undefined) {
    const { atMs, id } = decodeCursor(cursor);
    query = query.where(sql<boolean>`(first_received_at, study_id) < (${new Date(atMs)}, ${id})`);
  }
  if (state !== undefined) {
    const ready = sql<boolean>`assembled_activity >= activity`;
    query = query.where(state === 'ready' ? ready : sql<boolean>`NOT ${ready}`);
  }
  if (flagged !== undefined) {
    query = query.where('flagged', '=', flagged);
  }
  const rows = await query
    .orderBy('first_received_at', 'desc')
    .orderBy('study_id', 'desc')
    .limit(limit + 1)
    .execute();
  const { page, nextCursor } = takePage(rows, limit, (row) => [
    row.first_received_at,
    row.study_id,
  ]);
  return { studies: page.map(toSummary), nextCursor };
}

function toSummary(row: Selectable<DatabaseSchema['studies']>): StudySummary {
  const study = toStudy(row);
  return {
    StudyInstanceUID: study.StudyInstanceUID,
    state: study.assembledActivity >= study.activity ? 'ready' : 'analysing',
    requestedPriority: study.requestedPriority,
    priority: row.priority_rank === null ? study.requestedPriority : toPriority(row.priority_rank),
    flagged: row.flagged ?? undefined,
    resultVersion: row.result_version ?? undefined,
    instanceCount: row.instance_count,
    firstReceivedAtMs: study.firstReceivedAtMs,
    lastActivityAtMs: study.lastActivityAtMs,
  };
}

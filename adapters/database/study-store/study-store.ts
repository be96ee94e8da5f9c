import { Kysely, PostgresDialect, sql } from 'kysely';
import type pg from 'pg';

import type { StudyStore } from '../../../core/storage/study-store.js';
import type { Clock } from '../../../core/time.js';
import { querying } from '../database-error.js';
import type { DatabaseSchema } from '../schema.js';
import { findByDiagnosticReport, findByStructuredReport } from './find-result.js';
import { listStudies } from './list-studies.js';
import { claimJobs, completeJobs, renewJobs } from './outbox.js';
import { findStudy, loadDelivery, loadInstance, loadResult, loadStudy } from './read-studies.js';
import { recordDeliveryAttempt } from './record-delivery-attempt.js';
import { recordInstance } from './record-instance.js';
import { recordOutcome } from './record-outcome.js';
import { coverActivity, recordResult, requestAssembly } from './record-result.js';
import { requeueUnfinished } from './requeue-unfinished.js';
import type { HandingOnOptions } from './handing-on.js';
import { createWriter } from './writing.js';

/**
 * The study store on a database that `openDatabase` has opened, whose owner closes it.
 *
 * Locks are taken in one order: instance or delivery, then study, then new rows; entries of the outbox
 * and instances that are locked many at a time are locked by nobody who waits for one of those. So
 * transactions wait for each other and never in a circle.
 */
export function createStudyStore(
  deps: { readonly pool: pg.Pool; readonly clock: Clock },
  options: HandingOnOptions,
): StudyStore {
  const { clock } = deps;
  const db = new Kysely<DatabaseSchema>({ dialect: new PostgresDialect({ pool: deps.pool }) });
  const writer = createWriter(db, clock, options);

  return {
    recordInstance: (instance) => querying(() => recordInstance(db, writer, instance)),
    holdStudy: (studyId, untilMs) =>
      querying(async () => {
        await db
          .updateTable('studies')
          .set({ held_until: untilMs === 0 ? null : new Date(untilMs) })
          .where('study_id', '=', studyId)
          .execute();
      }),
    loadInstance: (instanceId) => querying(() => loadInstance(db, instanceId)),
    recordOutcome: (...args) => querying(() => recordOutcome(writer, ...args)),

    loadStudy: (studyId) => querying(() => loadStudy(db, studyId)),
    requestAssembly: (...args) =>
      querying(() => writer.transaction((w) => requestAssembly(w, ...args))),
    recordResult: (...args) => querying(() => recordResult(writer, ...args)),
    coverActivity: (...args) =>
      querying(() => writer.transaction((w) => coverActivity(w, ...args))),
    loadResult: (...args) => querying(() => loadResult(db, ...args)),

    loadDelivery: (deliveryId) => querying(() => loadDelivery(db, deliveryId)),
    recordDeliveryAttempt: (...args) => querying(() => recordDeliveryAttempt(writer, ...args)),

    findStudy: (StudyInstanceUID) => querying(() => findStudy(db, StudyInstanceUID)),
    findByDiagnosticReport: (id) => querying(() => findByDiagnosticReport(db, id)),
    findByStructuredReport: (uid) => querying(() => findByStructuredReport(db, uid)),
    listStudies: (query) => querying(() => listStudies(db, query)),

    claimJobs: (...args) => querying(() => claimJobs(db, new Date(clock()), ...args)),
    renewJobs: (...args) => querying(() => renewJobs(db, ...args)),
    completeJobs: (...args) => querying(() => completeJobs(db, ...args)),
    requeueUnfinished: (quietSince) =>
      querying(() => writer.transaction((w) => requeueUnfinished(w, quietSince))),

    unknownObjectKeys: (objectKeys) =>
      querying(async () => {
        const { rows } = await sql<{ key: string }>`
          SELECT key FROM unnest(${objectKeys}::text[]) AS key
          WHERE NOT EXISTS (SELECT FROM instances WHERE object_key = key)`.execute(db);
        return rows.map(({ key }) => key);
      }),
    ping: () =>
      querying(async () => {
        await sql`SELECT 1`.execute(db);
      }),
  };
}

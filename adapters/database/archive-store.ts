import { Kysely, PostgresDialect, sql, type RawBuilder } from 'kysely';
import type pg from 'pg';

import type { ArchiveStore } from '../../core/archive/archive-store.js';
import { classificationSchema } from '../../core/archive/classification-schema.js';
import { scoringFactsSchema } from '../../core/archive/scoring-facts.js';
import { querying } from './database-error.js';

/** Offers of workers that were not heard of for so long are removed by whoever offers next. */
const OFFER_FORGOTTEN_MS = 600_000;

/** The archive store on a database that `openDatabase` has opened, whose owner closes it. */
export function createArchiveStore({ pool }: { readonly pool: pg.Pool }): ArchiveStore {
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });

  async function run<T>(statement: RawBuilder<T>): Promise<readonly T[]> {
    return querying(async () => (await statement.execute(db)).rows);
  }

  return {
    async offer({ workerId, facts, concurrency }) {
      await run(sql`
        INSERT INTO archive_offers (worker_id, facts, concurrency, seen_at)
        VALUES (${workerId}, ${JSON.stringify(facts)}, ${concurrency}, now())
        ON CONFLICT (worker_id) DO UPDATE SET seen_at = now()`);
      await run(sql`DELETE FROM archive_offers WHERE seen_at < ${ago(OFFER_FORGOTTEN_MS)}`);
    },

    async withdraw(workerId) {
      await run(sql`DELETE FROM archive_offers WHERE worker_id = ${workerId}`);
    },

    async offers(withinMs) {
      const rows = await run(sql<{ worker_id: string; facts: unknown; concurrency: number }>`
        SELECT worker_id, facts, concurrency FROM archive_offers
        WHERE seen_at >= ${ago(withinMs)} ORDER BY worker_id`);
      return rows.flatMap(({ worker_id: workerId, facts, concurrency }) => {
        // A worker of another version may say more, or other things: then it is not for us.
        const parsed = scoringFactsSchema.safeParse(facts);
        return parsed.success ? [{ workerId, facts: parsed.data, concurrency }] : [];
      });
    },

    async keepRun(runId, fingerprint) {
      // xmax is 0 for a row that this statement has inserted.
      const [row] = await run(sql<{ known: boolean }>`
        INSERT INTO archive_runs (run_id, fingerprint, seen_at) VALUES (${runId}, ${fingerprint}, now())
        ON CONFLICT (run_id) DO UPDATE SET seen_at = now()
        RETURNING xmax <> 0 AS known`);
      return row?.known === true;
    },

    async submit(runId, files) {
      await run(sql`
        INSERT INTO archive_files (run_id, position, path)
        SELECT ${runId}, position, path
        FROM unnest(${files.map(({ position }) => position)}::integer[], ${files.map(({ path }) => path)}::text[])
          AS submitted (position, path)
        WHERE EXISTS (SELECT FROM archive_runs WHERE run_id = ${runId})
        ORDER BY position
        ON CONFLICT (run_id, position) DO NOTHING`);
    },

    async takeFinished(runId) {
      const rows = await run(sql<{ position: number; classification: unknown }>`
        DELETE FROM archive_files WHERE run_id = ${runId} AND classification IS NOT NULL
        RETURNING position, classification`);
      return rows.map(({ position, classification }) => ({
        position,
        classification: classificationSchema.parse(classification),
      }));
    },

    async endRun(runId) {
      await run(sql`DELETE FROM archive_runs WHERE run_id = ${runId}`);
    },

    async removeDeadRuns(silentForMs) {
      await run(sql`DELETE FROM archive_runs WHERE seen_at < ${ago(silentForMs)}`);
    },

    async claim({ workerId, fingerprint, limit, leaseMs, runAliveMs }) {
      const rows = await run(sql<{ file_id: string; path: string; claims: number }>`
        UPDATE archive_files
        SET worker_id = ${workerId}, leased_until = ${ahead(leaseMs)}, claims = claims + 1
        WHERE file_id IN (
          SELECT file_id FROM archive_files JOIN archive_runs USING (run_id)
          WHERE classification IS NULL AND (leased_until IS NULL OR leased_until < now())
            AND fingerprint = ${fingerprint} AND seen_at >= ${ago(runAliveMs)}
          ORDER BY file_id LIMIT ${limit}
          FOR UPDATE OF archive_files SKIP LOCKED)
        RETURNING file_id, path, claims`);
      return rows
        .map(({ file_id: fileId, path, claims }) => ({ fileId, path, claims }))
        .sort((a, b) => Number(a.fileId) - Number(b.fileId));
    },

    async renewLeases(workerId, fileIds, leaseMs) {
      await run(sql`
        UPDATE archive_files SET leased_until = ${ahead(leaseMs)}
        WHERE file_id = any(${[...fileIds]}::bigint[]) AND worker_id = ${workerId} AND classification IS NULL`);
    },

    async finish(workerId, files) {
      const ids = files.map(({ fileId }) => fileId);
      const classifications = files.map(({ classification }) => JSON.stringify(classification));
      await run(sql`
        UPDATE archive_files SET classification = finished.classification
        FROM unnest(${ids}::bigint[], ${classifications}::jsonb[]) AS finished (file_id, classification)
        WHERE archive_files.file_id = finished.file_id AND archive_files.classification IS NULL
          AND worker_id = ${workerId}`);
    },

    async release(workerId) {
      await run(sql`
        UPDATE archive_files SET worker_id = NULL, leased_until = NULL
        WHERE worker_id = ${workerId} AND classification IS NULL`);
    },
  };
}

function ago(ms: number): RawBuilder<Date> {
  return sql`now() - ${ms} * interval '1 millisecond'`;
}

function ahead(ms: number): RawBuilder<Date> {
  return sql`now() + ${ms} * interval '1 millisecond'`;
}

/** What each of BullMQ's functions is planned with. */
const SETTINGS = [
  // It names the state of the jobs that it removes by a parameter: a plan for any state cannot use the index of the
  // ended ones.
  ['apply_retention', 'plan_cache_mode', 'force_custom_plan'],
  ...[
    'move_stalled_jobs_to_wait',
    'move_to_active',
    'move_to_completed',
    'move_to_delayed',
    'move_to_failed',
    'retry_job',
    'extend_lock',
    'next_delay',
  ].map((name) => [name, 'enable_seqscan', 'off'] as const),
] as const;

/**
 * SQL after which BullMQ's functions read the jobs that they are about, and not all that wait; to be run after its
 * migrations, each of which may make a function anew. Leaves alone what belongs to somebody else.
 *
 * - A session keeps the plans of a function. Those made right after a VACUUM of a small table read all of it, and are
 *   kept while a hundred thousand jobs come. The functions named here find a few rows by an index, always.
 * - A look for lost jobs takes back the marks of the last one, and no index of BullMQ's knows which jobs have one.
 */
export const NARROW_PLANS = `DO $$
  DECLARE planned record;
  BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('preread:narrow-plans'));
    FOR planned IN
      SELECT oid::regprocedure AS name, setting, value
      FROM pg_proc JOIN (VALUES ${SETTINGS.map((row) => `('${row.join("', '")}')`).join(', ')})
        AS plans (function, setting, value) ON proname = function
      WHERE pronamespace = to_regnamespace('bullmq') AND pg_has_role(proowner, 'USAGE')
        AND NOT setting || '=' || value = ANY (coalesce(proconfig, '{}'))
    LOOP
      EXECUTE format('ALTER FUNCTION %s SET %I = %L', planned.name, planned.setting, planned.value);
    END LOOP;
    -- Looked for first: CREATE INDEX IF NOT EXISTS would wait for all who write to the table.
    IF to_regclass('bullmq.preread_job_marked_idx') IS NULL AND EXISTS (
      SELECT FROM pg_class WHERE oid = to_regclass('bullmq.job') AND pg_has_role(relowner, 'USAGE')
        -- An index is made in the schema, which may be somebody else's than the table.
        AND has_schema_privilege(relnamespace, 'CREATE')
    ) THEN
      CREATE INDEX preread_job_marked_idx ON bullmq.job (queue) WHERE stalled_marked;
    END IF;
  END $$`;

import type { Kysely } from 'kysely';
import { sql } from 'kysely';

/**
 * Ids under which results are known outside, so that each is found by an index: the DiagnosticReport's of a
 * study, and the structured report's of a result. Both are hashes of what the row says (core/delivery/fhir/coding.ts,
 * core/dicom/uid.ts), so the database makes them itself, also for rows that are there already.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) {
    await sql.raw(statement).execute(db);
  }
}

/** SHA-256 of a JSON text as hexadecimal digits. Only what needs no escaping stands between the quotes. */
function digest(json: string): string {
  return `encode(sha256(decode(${json}, 'escape')), 'hex')`;
}

const STUDY = digest(`'["preread fhir","DiagnosticReport","' || "StudyInstanceUID" || '"]'`);
const REPORT = digest(
  `'["preread","sr","' || (result ->> 'StudyInstanceUID') || '",' || result_version::text || ',"' || (result ->> 'assembledAt') || '"]'`,
);

const STATEMENTS = [
  `ALTER TABLE studies ADD COLUMN diagnostic_report_id uuid
    GENERATED ALWAYS AS (substr(${STUDY}, 1, 32)::uuid) STORED`,
  `CREATE INDEX studies_by_diagnostic_report ON studies (diagnostic_report_id)`,

  // The UID of a report is a UUID whose version and variant stand in digits 13 and 17: those are left out.
  `ALTER TABLE results ADD COLUMN report_key text
    GENERATED ALWAYS AS (substr(${REPORT}, 1, 12) || substr(${REPORT}, 14, 3) || substr(${REPORT}, 18, 15)) STORED`,
  `CREATE INDEX results_by_report ON results (report_key)`,
];

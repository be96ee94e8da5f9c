import type { Writing } from '../study-store/writing.js';

/** What is written down about those who change something. Never patient data. */
export interface AuditEntry {
  readonly actor: string;
  readonly action:
    | 'reprocess'
    | 'replay'
    | 'purge'
    | 'open-destination'
    | 'set-destination'
    | 'remove-destination';
  readonly subjectId?: string;
  readonly detail: Readonly<Record<string, string | number>>;
}

export async function audit({ trx, now }: Writing, entry: AuditEntry): Promise<void> {
  await trx
    .insertInto('audit_log')
    .values({
      at: now,
      actor: entry.actor,
      action: entry.action,
      subject_id: entry.subjectId ?? null,
      detail: JSON.stringify(entry.detail),
    })
    .execute();
}

/** A field: its text as it goes out, delimiters of ours included, values escaped. */
export type Field = string;

const ESCAPES: Readonly<Record<string, string>> = {
  '|': '\\F\\',
  '^': '\\S\\',
  '&': '\\T\\',
  '~': '\\R\\',
  '\\': '\\E\\',
};

/** A value as it may stand in a field. Source: HL7 v2.5.1 2.7. Line ends become \.br\, other controls go. */
export function escapeHl7(value: string): string {
  return value
    .replaceAll(/[|^&~\\]/g, (delimiter) => ESCAPES[delimiter] ?? '')
    .replaceAll(/\r\n|\r|\n/g, '\\.br\\')
    .replaceAll(/\p{Cc}/gu, '');
}

/** Components of a field, empty ones at the end left out. */
export function components(...values: readonly (string | undefined)[]): Field {
  return trimEnd(
    values.map((value) => escapeHl7(value ?? '')),
    '^',
  );
}

/** A segment: name and fields from 1; `undefined` and empty are the same. */
export function segment(name: string, ...fields: readonly (Field | undefined)[]): string {
  return `${name}|${trimEnd(
    fields.map((field) => field ?? ''),
    '|',
  )}`;
}

/** An instant as DTM in UTC, to the second. */
export function dtm(epochMs: number): string {
  return `${new Date(epochMs).toISOString().replace(/\D/g, '').slice(0, 14)}+0000`;
}

function trimEnd(values: readonly string[], separator: string): string {
  const last = values.findLastIndex((value) => value !== '');
  return values.slice(0, last + 1).join(separator);
}

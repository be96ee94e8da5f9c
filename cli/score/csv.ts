/**
 * One CSV record with its line end: fields are quoted where they must be (RFC 4180 2.5 to 2.7). Our own,
 * because csv-stringify takes 88 microseconds for a row of these, 3 % of the time of a small model.
 */
export function csvLine(fields: readonly string[]): string {
  return `${fields.map(csvField).join(',')}\n`;
}

function csvField(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/** The fields of a record without its line end, as `csvLine` writes it. */
export function csvFields(record: string): string[] {
  const fields: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^,"]*))(,|$)/gy;
  for (let match = pattern.exec(record); match !== null; match = pattern.exec(record)) {
    const [, quoted, plain = '', separator] = match;
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (separator === '') {
      break;
    }
  }
  return fields;
}

import { parseUid } from '../../../core/dicom/uid.js';
import type { DicomUid } from '../../../core/dicom/uid.js';
import { PipelineError } from '../../../core/errors.js';
import { SEARCH_PARAMETERS } from './capability-statement.js';

/** What a report is looked for by; all criteria must hold, and of each any of its values. */
export type Criterion =
  | { readonly by: '_id'; readonly values: readonly string[] }
  | { readonly by: 'identifier'; readonly values: readonly DicomUid[] };

/** Everything they would bring is contained in the report. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  '_format',
  '_pretty',
  '_include',
  '_revinclude',
]);
const MAX_VALUES = 100;

/**
 * The query of a search. Source: FHIR R4 search.html 3.1.1.4.10 (token).
 *
 * @throws PipelineError `request-invalid` for parameters that would not be heeded: a filter that is passed over
 *   finds too much
 */
export function parseSearch(query: Readonly<Record<string, unknown>>): readonly Criterion[] {
  const criteria: Criterion[] = [];
  for (const [name, given] of Object.entries(query)) {
    if (WITHOUT_EFFECT.has(name)) {
      continue;
    }
    if (name !== '_id' && name !== 'identifier') {
      throw invalid(
        `DiagnosticReport is searched by ${Object.keys(SEARCH_PARAMETERS).join(', ')}.`,
      );
    }
    for (const text of [given].flat()) {
      const values = String(text).split(',');
      criteria.push(
        name === '_id' ? { by: name, values } : { by: name, values: values.flatMap(identifierUid) },
      );
    }
  }
  if (criteria.length === 0) {
    throw invalid('Say which report: _id or identifier.');
  }
  if (criteria.reduce((count, { values }) => count + values.length, 0) > MAX_VALUES) {
    throw invalid(`At most ${MAX_VALUES} values in one search.`);
  }
  return criteria;
}

/** The UID that an identifier names; none when it is of another system or no UID, for then no report has it. */
function identifierUid(token: string): DicomUid[] {
  const bar = token.indexOf('|');
  const system = bar < 0 ? undefined : token.slice(0, bar);
  const value = token.slice(bar + 1);
  if (value === '') {
    throw invalid(
      'An identifier is searched with its value: identifier=urn:dicom:uid|urn:oid:UID.',
    );
  }
  const uid = parseUid(value.replace(/^urn:oid:/, ''));
  return uid !== undefined && (system === undefined || system === 'urn:dicom:uid') ? [uid] : [];
}

function invalid(message: string): PipelineError {
  return new PipelineError('request-invalid', message);
}

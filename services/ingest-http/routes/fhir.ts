import type { Request, RequestHandler, Response } from 'express';

import { diagnosticReportId } from '../../../core/delivery/fhir/result-bundle.js';
import type { Resource } from '../../../core/delivery/fhir/result-bundle.js';
import { readableReport } from '../../../core/delivery/fhir/readable-report.js';
import type { FindSource } from '../../../core/delivery/result-objects.js';
import type { DicomUid } from '../../../core/dicom/uid.js';
import { PipelineError } from '../../../core/errors.js';
import type { StudyResult } from '../../../core/results/study-result.js';
import type { StudyStore } from '../../../core/storage/study-store.js';
import { isoTime, type Clock } from '../../../core/time.js';
import { capabilityStatement } from '../fhir/capability-statement.js';
import { FHIR_JSON, operationOutcome } from '../fhir/operation-outcome.js';
import { parseSearch } from '../fhir/parse-search.js';
import type { Criterion } from '../fhir/parse-search.js';
import { baseUrlOf } from '../http/base-url.js';
import { negotiate } from '../http/media-type.js';
import type { AddResource } from '../http/resource.js';

export const FHIR_PATH = '/fhir';
const REPORTS = `${FHIR_PATH}/DiagnosticReport`;
const TYPES = [FHIR_JSON, 'application/json', 'text/json'] as const;
const FORMATS: ReadonlySet<unknown> = new Set([undefined, 'json', ...TYPES]);

export interface FhirRoutesDeps {
  readonly studies: Pick<
    StudyStore,
    'findStudy' | 'loadResult' | 'findByDiagnosticReport' | 'findByStructuredReport'
  >;
  readonly findSource: FindSource;
  readonly clock: Clock;
}

export interface FhirRoutesOptions {
  readonly publicUrl: string | undefined;
  /** System of Patient.identifier where Issuer of Patient ID is no URI or OID. */
  readonly patientIdentifierSystem: string | undefined;
}

/** Of a study, its latest result and where it is stored. */
interface Reported {
  readonly studyId: string;
  readonly latest: StudyResult;
}

/** Results as FHIR R4 resources, to be read: the reports that are also sent to FHIR destinations. */
export function addFhirRoutes(
  add: AddResource,
  deps: FhirRoutesDeps,
  options: FhirRoutesOptions,
): void {
  const { studies, findSource } = deps;
  const since = isoTime(deps.clock());

  async function reported(StudyInstanceUID: DicomUid | undefined): Promise<Reported | undefined> {
    const found = StudyInstanceUID && (await studies.findStudy(StudyInstanceUID));
    return found?.latestResult && { studyId: found.study.studyId, latest: found.latestResult };
  }

  async function resourceOf({ studyId, latest }: Reported, result = latest): Promise<Resource> {
    const source = await findSource({ studyId, result });
    return readableReport(result, source, { ...options, latestVersion: latest.resultVersion });
  }

  async function byId(request: Request): Promise<Reported> {
    const id = String(request.params['id']);
    const found = await reported(await studies.findByDiagnosticReport(id));
    if (found === undefined) {
      throw new PipelineError('not-found', 'There is no such report, or no result yet.');
    }
    return found;
  }

  const read: RequestHandler = async (request, response) => {
    const type = acceptedType(request);
    const found = await byId(request);
    response.set('ETag', `W/"${found.latest.resultVersion}"`);
    send(response, type, await resourceOf(found));
  };

  const readVersion: RequestHandler = async (request, response) => {
    const type = acceptedType(request);
    const found = await byId(request);
    const version = /^[1-9]\d{0,8}$/.exec(String(request.params['version']))?.[0];
    const result = version && (await studies.loadResult(found.studyId, Number(version)));
    if (!result) {
      throw new PipelineError('not-found', 'The report has no such version.');
    }
    send(response, type, await resourceOf(found, result));
  };

  /** Studies that a criterion names, each with the version that it asked for by name. */
  async function matchesOf(criterion: Criterion): Promise<Map<DicomUid, number | undefined>> {
    const matches = new Map<DicomUid, number | undefined>();
    if (criterion.by === '_id') {
      for (const id of criterion.values) {
        const uid = await studies.findByDiagnosticReport(id);
        if (uid !== undefined) {
          matches.set(uid, undefined);
        }
      }
      return matches;
    }
    for (const uid of criterion.values) {
      const result = await studies.findByStructuredReport(uid);
      matches.set(result?.StudyInstanceUID ?? uid, result?.resultVersion);
    }
    return matches;
  }

  const search: RequestHandler = async (request, response) => {
    const type = acceptedType(request);
    const criteria = await Promise.all(parseSearch(request.query).map(matchesOf));
    const [first = new Map<DicomUid, undefined>(), ...others] = criteria;
    const baseUrl = `${baseUrlOf(request, options.publicUrl)}${REPORTS}`;
    const matches: object[] = [];
    const outcomes: object[] = [];
    for (const uid of first.keys()) {
      const found = others.every((other) => other.has(uid)) ? await reported(uid) : undefined;
      if (found === undefined) {
        continue;
      }
      const fullUrl = `${baseUrl}/${diagnosticReportId(uid)}`;
      const resource = await resourceOf(found);
      matches.push({ fullUrl, resource, search: { mode: 'match' } });
      for (const version of criteria.flatMap((one) => one.get(uid) ?? [])) {
        if (version < found.latest.resultVersion) {
          outcomes.push({ resource: replaced(version, found), search: { mode: 'outcome' } });
        }
      }
    }
    const query = /\?.*/.exec(request.originalUrl)?.[0] ?? '';
    send(response, type, {
      resourceType: 'Bundle',
      type: 'searchset',
      total: matches.length,
      link: [{ relation: 'self', url: `${baseUrl}${query}` }],
      ...(matches.length > 0 && { entry: [...matches, ...outcomes] }),
    });
  };

  const capabilities: RequestHandler = (request, response) => {
    const type = acceptedType(request);
    const baseUrl = `${baseUrlOf(request, options.publicUrl)}${FHIR_PATH}`;
    send(response, type, capabilityStatement(baseUrl, since));
  };

  add(`${FHIR_PATH}/metadata`, { get: { scope: 'public', handle: capabilities } });
  add(REPORTS, { get: { scope: 'read', handle: search } });
  add(`${REPORTS}/:id`, { get: { scope: 'read', handle: read } });
  add(`${REPORTS}/:id/_history/:version`, { get: { scope: 'read', handle: readVersion } });
}

/** Whether a request is answered in FHIR's terms, also when it fails. */
export function isFhirRequest({ path }: Pick<Request, 'path'>): boolean {
  return path === FHIR_PATH || path.startsWith(`${FHIR_PATH}/`);
}

function replaced(version: number, { latest }: Reported) {
  const diagnostics =
    `The identifier is of version ${version}, which version ${latest.resultVersion} has replaced: ` +
    `that one is in this answer. The former is at DiagnosticReport/[id]/_history/${version}.`;
  return operationOutcome({ severity: 'information', code: 'informational', diagnostics });
}

/** `_format` outranks Accept. Source: FHIR R4 http.html 3.1.0.1.11. */
function acceptedType(request: Request): (typeof TYPES)[number] {
  const { _format: format } = request.query;
  const type =
    format === undefined
      ? negotiate(request.headers.accept, TYPES)
      : FORMATS.has(format) && FHIR_JSON;
  if (!type) {
    throw new PipelineError('not-acceptable', `Available: ${FHIR_JSON}.`);
  }
  return type;
}

function send(response: Response, type: string, resource: object): void {
  response.set('Content-Type', `${type}; charset=utf-8`).send(JSON.stringify(resource));
}

import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from 'zod-openapi';

import { FHIR_JSON } from './fhir/operation-outcome.js';
import { SEARCH_PARAMETERS } from './fhir/capability-statement.js';

const resource = z.looseObject({ resourceType: z.string() });
const REPORTS = '/fhir/DiagnosticReport';
const id = z.string().describe('As in the transaction that FHIR destinations get.');

/** FHIR R4, read-only. */
export const FHIR_PATHS: ZodOpenApiPathsObject = {
  '/fhir/metadata': {
    get: {
      ...interaction('getCapabilityStatement', 'What the FHIR interface can do', {}, 406),
      security: [],
    },
  },
  [REPORTS]: {
    get: interaction(
      'searchDiagnosticReports',
      'Reports by id or identifier, as a searchset Bundle',
      {
        query: z.object(
          Object.fromEntries(
            Object.entries(SEARCH_PARAMETERS).map(([name, { documentation }]) => [
              name,
              z.string().optional().describe(documentation),
            ]),
          ),
        ),
      },
      400,
    ),
  },
  [`${REPORTS}/{id}`]: {
    get: interaction(
      'readDiagnosticReport',
      'The latest result of a study as a DiagnosticReport with everything contained',
      { path: z.object({ id }) },
      404,
    ),
  },
  [`${REPORTS}/{id}/_history/{version}`]: {
    get: interaction(
      'readDiagnosticReportVersion',
      'A version of it',
      { path: z.object({ id, version: z.string() }) },
      404,
    ),
  },
};

function interaction(
  operationId: string,
  summary: string,
  requestParams: NonNullable<ZodOpenApiOperationObject['requestParams']>,
  ...failures: readonly number[]
): ZodOpenApiOperationObject {
  const content = { [FHIR_JSON]: { schema: resource } };
  const statuses = [...failures, 401, 403, 406, 429, 503];
  return {
    operationId,
    summary,
    tags: ['FHIR'],
    requestParams,
    responses: {
      '200': { description: 'The resource.', content },
      ...Object.fromEntries(
        statuses.map((status) => [
          String(status),
          { description: 'An OperationOutcome.', content },
        ]),
      ),
    },
  };
}

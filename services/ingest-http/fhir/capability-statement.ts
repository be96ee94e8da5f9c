import { softwareName, softwareVersion } from '../../../adapters/process/package-info.js';

/** Search parameters of DiagnosticReport: name, type, and what stands in the documentation. */
export const SEARCH_PARAMETERS = {
  _id: { type: 'token', documentation: 'The id of the report.' },
  identifier: {
    type: 'token',
    documentation:
      'urn:dicom:uid|urn:oid:UID with the Study Instance UID, or the SOP Instance UID of the structured report.',
  },
} as const;

/**
 * What can be done here. Source: FHIR R4 capabilitystatement.html.
 *
 * @param baseUrl of the FHIR interface
 * @param date since when it holds, ISO 8601
 */
export function capabilityStatement(baseUrl: string, date: string) {
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date,
    kind: 'instance',
    software: { name: softwareName, version: softwareVersion },
    implementation: {
      description: 'AI pre-reads of chest X-rays, preliminary and read-only; no medical device',
      url: baseUrl,
    },
    fhirVersion: '4.0.1',
    format: ['application/fhir+json', 'json'],
    rest: [
      {
        mode: 'server',
        security: {
          description: 'Authorization: Bearer with an API key of the scope "read".',
        },
        resource: [
          {
            type: 'DiagnosticReport',
            documentation:
              'The latest result of a study, with its Observations, ImagingStudy, Devices and Provenance contained.',
            interaction: [{ code: 'read' }, { code: 'vread' }, { code: 'search-type' }],
            versioning: 'versioned',
            readHistory: true,
            referencePolicy: ['local'],
            searchParam: Object.entries(SEARCH_PARAMETERS).map(([name, parameter]) => ({
              name,
              ...parameter,
            })),
          },
        ],
      },
    ],
  };
}

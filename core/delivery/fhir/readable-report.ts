import type { StudyResult } from '../../results/study-result.js';
import type { SourceStudy } from '../dicom/source-study.js';
import { buildResultBundle, imagingStudyId } from './result-bundle.js';
import type { BundleOptions, Resource } from './result-bundle.js';

/** What is known of a study whose images have been removed. */
const NO_SOURCE: SourceStudy = {
  copied: [],
  requestItems: [],
  patient: {
    PatientName: undefined,
    PatientID: undefined,
    IssuerOfPatientID: undefined,
    PatientBirthDate: undefined,
    PatientSex: undefined,
  },
  study: {
    AccessionNumber: undefined,
    StudyDate: undefined,
    StudyTime: undefined,
    StudyDescription: undefined,
    StudyID: undefined,
    TimezoneOffsetFromUTC: undefined,
  },
  request: undefined,
  procedureCode: undefined,
  Modality: undefined,
};

export interface ReportOptions extends BundleOptions {
  /** The latest version of the study's result: an earlier one says that it was replaced. */
  readonly latestVersion: number;
}

/**
 * The DiagnosticReport of the transaction, under the same id, with the transaction's other resources contained in
 * it: whoever reads it has everything at once, and each reference leads somewhere. Contained resources have no
 * security label of their own; the report's holds for them. Source: FHIR R4 references.html, dom-3 to dom-5.
 *
 * @param source undefined when the images have been removed: then the patient is not known any more
 */
export function readableReport(
  result: StudyResult,
  source: SourceStudy | undefined,
  { latestVersion, ...options }: ReportOptions,
): Resource {
  const { entry } = buildResultBundle(result, source ?? NO_SOURCE, options);
  const own = entry.find(({ resource }) => resource.resourceType === 'DiagnosticReport');
  if (own === undefined) {
    throw new Error('every result has a report');
  }
  const isLatest = result.resultVersion >= latestVersion;
  const replaced = `Replaced by version ${latestVersion}.`;
  const { resourceType, id, meta, conclusion, ...elements } = own.resource;
  const contained = entry
    .filter((one) => one !== own)
    .map(({ resource }) => ({ id: imagingStudyId(result), ...resource, meta: undefined }));
  return withLocalReferences(
    {
      resourceType,
      id,
      meta: {
        versionId: String(result.resultVersion),
        lastUpdated: result.assembledAt,
        ...(meta as object),
        ...(!isLatest && {
          tag: [{ system: 'urn:preread:result-state', code: 'replaced', display: replaced }],
        }),
      },
      contained,
      ...elements,
      conclusion: isLatest ? conclusion : `${replaced} ${String(conclusion)}`,
    },
    own.fullUrl,
  );
}

/** References within the transaction become references within the resource; `#` is the resource itself. */
function withLocalReferences(resource: Resource, ownUrl: string): Resource {
  return JSON.parse(JSON.stringify(resource), (name, value: unknown) =>
    name === 'reference' && typeof value === 'string'
      ? value.replace(ownUrl, '#').replace(/^urn:uuid:/, '#')
      : value,
  ) as Resource;
}

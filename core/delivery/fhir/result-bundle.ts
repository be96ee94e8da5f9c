import type { ModelProvenance } from '../../results/outcome.js';
import type { StudyResult } from '../../results/study-result.js';
import * as codes from '../dicom/codes.js';
import { analysedImages, deviceUid, objectUid } from '../dicom/result-object.js';
import type { SourceStudy } from '../dicom/source-study.js';
import { remarks } from '../remarks.js';
import { AI_ASSERTED, codeable, coding, hl7Concept, quantity, resourceId } from './coding.js';

export interface BundleOptions {
  /** System of Patient.identifier where Issuer of Patient ID is no URI or OID. */
  readonly patientIdentifierSystem: string | undefined;
}

export interface Resource {
  readonly resourceType: string;
  readonly [element: string]: unknown;
}

export interface BundleEntry {
  readonly fullUrl: string;
  readonly resource: Resource;
  readonly request: {
    readonly method: 'PUT' | 'POST';
    readonly url: string;
    readonly ifNoneExist?: string;
  };
}

export interface ResultBundle {
  readonly resourceType: 'Bundle';
  readonly type: 'transaction';
  readonly entry: readonly BundleEntry[];
}

/** What resources of one result have in common. */
interface Context {
  readonly subject: object;
  /** fullUrl of the ImagingStudy. */
  readonly studyUrl: string;
  readonly effective: { readonly effectiveDateTime?: string };
}

/**
 * A result as a FHIR R4 transaction: Device, ImagingStudy, one Observation a finding, DiagnosticReport,
 * Provenance. Everything of ours is PUT under an id that follows from the study, so that a repetition
 * changes nothing and an amended result replaces the one before; the ImagingStudy is made only when the
 * server has none of that UID. All preliminary, all labelled as asserted by AI.
 */
export function buildResultBundle(
  result: StudyResult,
  source: SourceStudy,
  options: BundleOptions,
): ResultBundle {
  const context = {
    subject: subjectOf(source, options),
    studyUrl: `urn:uuid:${imagingStudyId(result)}`,
    effective: effectiveOf(source),
  };
  const devices = result.models.map(device);
  const observations = result.findings.map((finding) => observation(result, finding, context));
  const report = diagnosticReport(result, source, observations, context);
  return {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      ...devices,
      imagingStudy(result, source, context),
      ...observations,
      report,
      provenance(result, [...observations, report], devices),
    ],
  };
}

function put(resourceType: string, id: string, elements: Readonly<Record<string, unknown>>) {
  return {
    fullUrl: `urn:uuid:${id}`,
    resource: { resourceType, id, meta: AI_ASSERTED, ...elements },
    request: { method: 'PUT', url: `${resourceType}/${id}` },
  } as const satisfies BundleEntry;
}

export function imagingStudyId({ StudyInstanceUID }: StudyResult): string {
  return resourceId('ImagingStudy', StudyInstanceUID);
}

export function diagnosticReportId(StudyInstanceUID: string): string {
  return resourceId('DiagnosticReport', StudyInstanceUID);
}

function deviceId({ name, version, sha256 }: ModelProvenance): string {
  return resourceId('Device', name, version, sha256);
}

function device(model: ModelProvenance): BundleEntry {
  return put('Device', deviceId(model), {
    identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${deviceUid(model)}` }],
    manufacturer: 'preread',
    deviceName: [{ name: model.name, type: 'model-name' }],
    version: [{ value: model.version }, { value: `sha256:${model.sha256}` }],
    type: codeable(codes.dcm('123110', 'Artificial Intelligence')),
  });
}

function imagingStudy(
  result: StudyResult,
  { Modality = 'OT' }: SourceStudy,
  { subject, studyUrl }: Context,
): BundleEntry {
  const uid = `urn:oid:${result.StudyInstanceUID}`;
  const images = result.analysed ? analysedImages(result) : result.instances;
  const seriesUids = [...new Set(images.map(({ SeriesInstanceUID }) => SeriesInstanceUID))];
  return {
    fullUrl: studyUrl,
    resource: {
      resourceType: 'ImagingStudy',
      identifier: [{ system: 'urn:dicom:uid', value: uid }],
      status: 'available',
      subject,
      series: seriesUids.map((seriesUid) => ({
        uid: seriesUid,
        modality: coding('DCM', Modality, Modality),
        instance: images
          .filter(({ SeriesInstanceUID }) => SeriesInstanceUID === seriesUid)
          .map(({ SOPInstanceUID, SOPClassUID }) => ({
            uid: SOPInstanceUID,
            sopClass: { system: 'urn:ietf:rfc:3986', code: `urn:oid:${SOPClassUID}` },
          })),
      })),
    },
    request: {
      method: 'POST',
      url: 'ImagingStudy',
      ifNoneExist: `identifier=urn:dicom:uid|${uid}`,
    },
  };
}

function observation(
  result: StudyResult,
  finding: StudyResult['findings'][number],
  { subject, studyUrl, effective }: Context,
): BundleEntry {
  const { calibratedProbability: calibrated, SOPInstanceUID } = finding;
  const image = result.instances.find((one) => one.SOPInstanceUID === SOPInstanceUID);
  const model = image?.outcome.kind === 'scored' ? image.outcome.model : result.models[0];
  const site = codes.findingSite(finding);
  const { value, scheme, meaning } = codes.findingCode(finding);
  const others = finding.codes.slice(1);
  return put('Observation', resourceId('Observation', result.StudyInstanceUID, finding.key), {
    status: 'preliminary',
    category: [hl7Concept('observation-category', 'imaging', 'Imaging')],
    code: {
      coding: [
        coding(scheme, value, meaning),
        ...others.map(({ system, code, display }) => coding(system, code, display)),
      ],
      text: finding.display.en,
    },
    subject,
    ...effective,
    issued: result.assembledAt,
    // A raw output is no probability: it goes out in percent of certainty, as in the structured report.
    valueQuantity:
      calibrated === undefined
        ? quantity(finding.probability * 100, codes.PERCENT)
        : quantity(calibrated, codes.NO_UNITS),
    ...(finding.flagged && {
      interpretation: [hl7Concept('v3-ObservationInterpretation', 'A', 'Abnormal')],
    }),
    note: [{ text: result.disclaimer }],
    ...(site && { bodySite: codeable(site) }),
    method: { text: calibrated === undefined ? 'raw model output' : 'calibrated probability' },
    ...(model && { device: { reference: `urn:uuid:${deviceId(model)}` } }),
    derivedFrom: [{ reference: studyUrl }],
    component: [
      {
        code: codeable(codes.dcm('121052', 'Presence of property')),
        valueCodeableConcept: codeable(finding.flagged ? codes.PRESENT : codes.NOT_FLAGGED),
      },
      {
        code: codeable(codes.OPERATING_POINT_SCORE),
        valueQuantity: quantity(finding.operatingPointScore, codes.NO_UNITS),
      },
      {
        code: codeable(codes.dcm('111071', 'CAD Operating Point')),
        valueQuantity: quantity(finding.threshold, codes.NO_UNITS),
      },
    ],
  });
}

function diagnosticReport(
  result: StudyResult,
  { study: { AccessionNumber } }: SourceStudy,
  observations: readonly BundleEntry[],
  { subject, studyUrl, effective }: Context,
): BundleEntry {
  const accession = {
    type: hl7Concept('v2-0203', 'ACSN', 'Accession ID'),
    value: AccessionNumber,
  };
  return put('DiagnosticReport', diagnosticReportId(result.StudyInstanceUID), {
    identifier: [
      { system: 'urn:dicom:uid', value: `urn:oid:${objectUid('sr', result)}` },
      { system: 'urn:preread:result-version', value: String(result.resultVersion) },
      // Servers search reports by identifier, and not by the study that they are of.
      {
        use: 'secondary',
        type: { text: 'Study Instance UID' },
        system: 'urn:dicom:uid',
        value: `urn:oid:${result.StudyInstanceUID}`,
      },
    ],
    ...(AccessionNumber !== undefined && {
      basedOn: [{ type: 'ServiceRequest', identifier: accession }],
    }),
    status: 'preliminary',
    category: [hl7Concept('v2-0074', 'RAD', 'Radiology')],
    code: codeable({ value: '18748-4', scheme: 'LN', meaning: 'Diagnostic imaging study' }),
    subject,
    ...effective,
    issued: result.assembledAt,
    ...(observations.length > 0 && {
      result: observations.map(({ fullUrl }) => ({ reference: fullUrl })),
    }),
    imagingStudy: [{ reference: studyUrl }],
    conclusion: [conclusion(result), ...remarks(result), result.disclaimer].join(' '),
  });
}

function conclusion({ analysed, findings }: StudyResult): string {
  if (!analysed) {
    return 'No image of the study was analysed.';
  }
  const flagged = findings.filter((finding) => finding.flagged).map(({ display }) => display.en);
  return flagged.length > 0
    ? `Flagged: ${flagged.join(', ')}.`
    : 'Nothing was flagged at the operating point.';
}

function provenance(
  result: StudyResult,
  targets: readonly BundleEntry[],
  devices: readonly BundleEntry[],
): BundleEntry {
  const { StudyInstanceUID, resultVersion, assembledAt, software } = result;
  const who =
    devices.length > 0
      ? devices.map(({ fullUrl }) => ({ reference: fullUrl }))
      : [{ display: `${software.name} ${software.version}` }];
  return put('Provenance', resourceId('Provenance', StudyInstanceUID, resultVersion, assembledAt), {
    target: targets.map(({ fullUrl }) => ({ reference: fullUrl })),
    recorded: assembledAt,
    agent: who.map((one) => ({
      type: hl7Concept('provenance-participant-type', 'author', 'Author'),
      who: one,
    })),
  });
}

/** By identifier alone: the server knows its patients, and a name adds nothing but exposure. */
function subjectOf({ patient }: SourceStudy, { patientIdentifierSystem }: BundleOptions): object {
  const { PatientID, IssuerOfPatientID: issuer = '' } = patient;
  if (PatientID === undefined) {
    return { type: 'Patient', display: 'not known' };
  }
  const system = /^\d+(\.\d+)+$/.test(issuer)
    ? `urn:oid:${issuer}`
    : /^(https?|urn):/.test(issuer)
      ? issuer
      : patientIdentifierSystem;
  return {
    type: 'Patient',
    identifier: { ...(system !== undefined && { system }), value: PatientID },
  };
}

/** A FHIR dateTime with a time has a zone: without one in the header it is the date alone. */
function effectiveOf({ study }: SourceStudy): Context['effective'] {
  const day = /^\d{8}$/
    .exec(study.StudyDate ?? '')?.[0]
    .replace(/^(.{4})(.{2})(.{2})$/, '$1-$2-$3');
  const time = /^\d{6}/.exec(study.StudyTime ?? '')?.[0].replace(/^(..)(..)(..)$/, '$1:$2:$3');
  const zone = /^([+-]\d\d)(\d\d)$/.exec(study.TimezoneOffsetFromUTC ?? '');
  if (day === undefined) {
    return {};
  }
  return {
    effectiveDateTime:
      time === undefined || zone === null ? day : `${day}T${time}${zone.slice(1, 3).join(':')}`,
  };
}

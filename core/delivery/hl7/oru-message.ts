import type { StudyResult } from '../../results/study-result.js';
import type { Priority } from '../../triage/priority.js';
import * as codes from '../dicom/codes.js';
import type { Code } from '../dicom/codes.js';
import type { SourceStudy } from '../dicom/source-study.js';
import { remarks } from '../remarks.js';
import type { SinkDelivery } from '../result-sink.js';
import { components, dtm, escapeHl7, segment } from './segments.js';

export interface OruOptions {
  readonly sendingApplication: string;
  readonly sendingFacility: string;
  readonly receivingApplication: string;
  readonly receivingFacility: string;
  /** MSH-11: production, training, debugging. */
  readonly processingId: 'P' | 'T' | 'D';
}

/** HL7 table 0485. */
const PRIORITIES: Readonly<Record<Priority, readonly [string, string]>> = {
  stat: ['S', 'Stat'],
  urgent: ['A', 'ASAP'],
  routine: ['R', 'Routine'],
};

/**
 * A result as HL7 v2.5.1 ORU^R01 (structure ORU_R01), segments ended by CR. Preliminary in OBR-25 and
 * every OBX-11; the interpreter stays empty, because nobody has read it. The same delivery gives the
 * same text on every attempt, MSH-10 included: by that the receiver knows a repetition.
 */
export function buildOruMessage(
  { deliveryId, result }: Pick<SinkDelivery, 'deliveryId' | 'result'>,
  source: SourceStudy,
  options: OruOptions,
): string {
  const assembledAt = dtm(Date.parse(result.assembledAt));
  const [priority, priorityText] = PRIORITIES[result.triage.priority];
  return [
    segment(
      'MSH',
      '^~\\&',
      escapeHl7(options.sendingApplication),
      escapeHl7(options.sendingFacility),
      escapeHl7(options.receivingApplication),
      escapeHl7(options.receivingFacility),
      assembledAt,
      '',
      'ORU^R01^ORU_R01',
      messageControlId(deliveryId),
      options.processingId,
      '2.5.1',
      '',
      '',
      'AL',
      'NE',
      '',
      'UNICODE UTF-8',
    ),
    patientSegment(source),
    segment('PV1', '1', 'U'),
    segment('ORC', 'RE', ...orderNumbers(source)),
    observationRequest(source, assembledAt),
    segment('TQ1', '1', ...blank(7), components(priority, priorityText, 'HL70485')),
    ...observations(result, source, assembledAt),
  ]
    .map((line) => `${line}\r`)
    .join('');
}

/** MSH-10: at most 20 characters in 2.5.1; 80 bits of the delivery's id. */
export function messageControlId(deliveryId: string): string {
  return deliveryId.replaceAll('-', '').slice(0, 20).toUpperCase();
}

function patientSegment({ patient }: SourceStudy): string {
  return segment(
    'PID',
    '1',
    '',
    components(patient.PatientID, '', '', patient.IssuerOfPatientID, 'MR'),
    '',
    personName(patient.PatientName),
    '',
    escapeHl7(patient.PatientBirthDate ?? ''),
    escapeHl7(patient.PatientSex ?? ''),
  );
}

/**
 * PN to XPN: DICOM has prefix before suffix, HL7 the other way. The ideographic and phonetic groups
 * are repetitions with their representation code (table 4000).
 */
function personName(PatientName: string | undefined): string {
  const representations = ['A', 'I', 'P'];
  if ((PatientName ?? '').replaceAll(/[\s^=]/g, '') === '') {
    // PID-5 is required; a name that is not known has a type alone. Source: HL7 table 0200, "U", unspecified.
    return components('', '', '', '', '', '', 'U');
  }
  return (PatientName ?? '')
    .split('=')
    .slice(0, 3)
    .map((group, index) => {
      const [family, given, middle, prefix, suffix] = group.split('^');
      return group === ''
        ? ''
        : components(family, given, middle, suffix, prefix, '', 'L', representations[index]);
    })
    .filter((group) => group !== '')
    .join('~');
}

/** Placer and filler order number; the accession number is the filler's when the header names none. */
function orderNumbers({ request, study }: SourceStudy): [string, string] {
  return [
    components(request?.PlacerOrderNumber),
    components(request?.FillerOrderNumber ?? study.AccessionNumber),
  ];
}

function observationRequest(source: SourceStudy, assembledAt: string): string {
  const { study, procedureCode } = source;
  const procedure =
    procedureCode === undefined
      ? components('18748-4', 'Diagnostic imaging study', 'LN')
      : components(
          procedureCode.CodeValue,
          procedureCode.CodeMeaning,
          procedureCode.CodingSchemeDesignator,
        );
  return segment(
    'OBR',
    '1',
    ...orderNumbers(source),
    procedure,
    '',
    '',
    studyTime(study),
    ...blank(10),
    escapeHl7(study.AccessionNumber ?? ''),
    ...blank(3),
    assembledAt,
    '',
    'RAD',
    'P',
  );
}

/** As the image says it: with a time zone only where the header has one. */
function studyTime({ StudyDate, StudyTime, TimezoneOffsetFromUTC }: SourceStudy['study']): string {
  const date = /^\d{8}$/.exec(StudyDate ?? '')?.[0] ?? '';
  const time = /^\d{4,6}/.exec(StudyTime ?? '')?.[0] ?? '';
  const zone = /^[+-]\d{4}$/.exec(TimezoneOffsetFromUTC ?? '')?.[0] ?? '';
  return date === '' || time === '' ? date : `${date}${time}${zone}`;
}

function observations(result: StudyResult, source: SourceStudy, assembledAt: string): string[] {
  const equipment = result.models.map(({ name, version }) => components(name, '', version));
  const observed = studyTime(source.study);
  const lines: string[] = [];
  const add = (
    type: string,
    name: string,
    group: string,
    value: string,
    more: { unit?: string; flag?: string; status?: 'P' | 'O'; byModel?: boolean } = {},
  ): void => {
    lines.push(
      segment(
        'OBX',
        String(lines.length + 1),
        type,
        name,
        group,
        value,
        more.unit ?? '',
        '',
        more.flag ?? '',
        '',
        '',
        more.status ?? 'P',
        '',
        '',
        observed,
        ...blank(2),
        more.byModel === true ? equipment.join('~') : '',
        '',
        more.byModel === true ? assembledAt : '',
      ),
    );
  };

  add('ST', coded(codes.dcm('113014', 'DICOM Study')), '', result.StudyInstanceUID, {
    status: 'O',
  });
  result.findings.forEach((finding, index) => {
    const group = String(index + 1);
    const presence = finding.flagged ? codes.sct('52101004', 'Present') : codes.NOT_FLAGGED;
    const local = finding.codes.find(({ system }) => system === codes.LOCAL_SCHEME);
    add('CWE', coded(codes.findingCode(finding), local), group, coded(presence), {
      byModel: true,
      ...(finding.flagged && { flag: 'A' }),
    });
    if (finding.calibratedProbability === undefined) {
      add('NM', coded(codes.CERTAINTY), group, number(finding.probability * 100), {
        unit: coded(codes.PERCENT),
      });
    } else {
      add('NM', coded(codes.PROBABILITY), group, number(finding.calibratedProbability), {
        unit: coded(codes.NO_UNITS),
      });
    }
  });
  const procedureFindings = components('59776-5', 'Procedure Findings', 'LN');
  for (const sentence of [...remarks(result), result.disclaimer]) {
    add('TX', procedureFindings, '', escapeHl7(sentence));
  }
  return lines;
}

function coded(code: Code, local?: { readonly code: string; readonly display: string }): string {
  return local === undefined || code.scheme === codes.LOCAL_SCHEME
    ? components(code.value, code.meaning, code.scheme)
    : components(
        code.value,
        code.meaning,
        code.scheme,
        local.code,
        local.display,
        codes.LOCAL_SCHEME,
      );
}

function number(value: number): string {
  return String(Number(value.toPrecision(9)));
}

function blank(count: number): string[] {
  return Array.from({ length: count }, () => '');
}

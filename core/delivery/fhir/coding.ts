import { createHash } from 'node:crypto';

import type { Code } from '../dicom/codes.js';

/** Coding schemes by their FHIR URIs. Source: HL7 terminology, DICOM PS3.16 Annex A. */
const SYSTEMS: Readonly<Record<string, string>> = {
  SCT: 'http://snomed.info/sct',
  LN: 'http://loinc.org',
  UCUM: 'http://unitsofmeasure.org',
  DCM: 'http://dicom.nema.org/resources/ontology/DCM',
  RADLEX: 'http://radlex.org',
  UMLS: 'http://www.nlm.nih.gov/research/umls',
};
const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem';

export function coding(scheme: string, code: string, display: string) {
  return { system: SYSTEMS[scheme] ?? `urn:preread:codes:${scheme}`, code, display };
}

export function codeable({ value, scheme, meaning }: Code) {
  return { coding: [coding(scheme, value, meaning)], text: meaning };
}

/** A concept of HL7's own terminology. */
export function hl7Concept(codeSystem: string, code: string, display: string) {
  return { coding: [{ system: `${TERMINOLOGY}/${codeSystem}`, code, display }] };
}

/** Every resource says that software asserted it. */
export const AI_ASSERTED = {
  security: hl7Concept('v3-ObservationValue', 'AIAST', 'Artificial Intelligence asserted').coding,
};

export function quantity(value: number, unit: Code) {
  return {
    value: Number(value.toPrecision(9)),
    unit: unit.meaning,
    system: 'http://unitsofmeasure.org',
    code: unit.value,
  };
}

/** A resource's id by its name: the same words give the same id, so that a repeated PUT changes nothing. */
export function resourceId(...words: readonly (string | number)[]): string {
  return createHash('sha256')
    .update(JSON.stringify(['preread fhir', ...words]))
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
}

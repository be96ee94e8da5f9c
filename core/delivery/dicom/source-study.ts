import type { DataElement } from '../../dicom/elements.js';

/** A code of the header, as DICOM writes it. */
export interface HeaderCode {
  readonly CodeValue: string;
  readonly CodingSchemeDesignator: string;
  readonly CodeMeaning: string;
}

/** A request (order) that the image answers, decoded. */
export interface SourceRequest {
  readonly AccessionNumber: string | undefined;
  readonly RequestedProcedureID: string | undefined;
  readonly PlacerOrderNumber: string | undefined;
  readonly FillerOrderNumber: string | undefined;
}

/**
 * What an outgoing message needs of the stored image that it speaks of. Read when it is sent and kept
 * nowhere: it is patient data.
 */
export interface SourceStudy {
  /** Specific Character Set, Patient and General Study modules: the very bytes of the stored object. */
  readonly copied: readonly DataElement[];
  /** The attributes of Referenced Request Sequence (0040,A370) items, the very bytes; none without an order. */
  readonly requestItems: readonly (readonly DataElement[])[];
  /** The same facts as text, by the object's character set. Empty attributes are undefined. */
  readonly patient: {
    readonly PatientName: string | undefined;
    readonly PatientID: string | undefined;
    readonly IssuerOfPatientID: string | undefined;
    readonly PatientBirthDate: string | undefined;
    readonly PatientSex: string | undefined;
  };
  readonly study: {
    readonly AccessionNumber: string | undefined;
    readonly StudyDate: string | undefined;
    readonly StudyTime: string | undefined;
    readonly StudyDescription: string | undefined;
    readonly StudyID: string | undefined;
    /** As +0700; undefined when the object does not say. */
    readonly TimezoneOffsetFromUTC: string | undefined;
  };
  readonly request: SourceRequest | undefined;
  readonly procedureCode: HeaderCode | undefined;
  /** Of the image: CR or DX and the like. */
  readonly Modality: string | undefined;
}

import type { DataSet } from 'dicom-parser';

import { ageInYears } from '../../core/dicom/age.js';
import type { InstanceHeader, InstanceIdentity } from '../../core/dicom/instance-header.js';
import { parseUid } from '../../core/dicom/uid.js';
import type { DicomUid } from '../../core/dicom/uid.js';
import { PipelineError } from '../../core/errors.js';
import { readItems, readText, readTexts } from './attributes.js';
import type { Keyword } from './attributes.js';

/** The attributes that gates read. Nothing here is mandatory: gates say what is missing. */
export function readInstanceHeader(dataSet: DataSet, TransferSyntaxUID: DicomUid): InstanceHeader {
  return {
    SOPClassUID: parseUid(readText(dataSet, 'SOPClassUID')),
    SOPInstanceUID: parseUid(readText(dataSet, 'SOPInstanceUID')),
    SeriesInstanceUID: parseUid(readText(dataSet, 'SeriesInstanceUID')),
    StudyInstanceUID: parseUid(readText(dataSet, 'StudyInstanceUID')),
    TransferSyntaxUID,
    Modality: readText(dataSet, 'Modality'),
    BodyPartExamined: readText(dataSet, 'BodyPartExamined'),
    ViewPosition: readText(dataSet, 'ViewPosition'),
    ViewCodes: readCodes(dataSet, 'ViewCodeSequence'),
    AnatomicRegionCodes: readCodes(dataSet, 'AnatomicRegionSequence'),
    PatientOrientation: readTexts(dataSet, 'PatientOrientation'),
    ImageType: readTexts(dataSet, 'ImageType'),
    PresentationIntentType: readText(dataSet, 'PresentationIntentType'),
    SeriesDescription: readText(dataSet, 'SeriesDescription'),
    ProtocolName: readText(dataSet, 'ProtocolName'),
    AcquisitionDeviceProcessingDescription: readText(
      dataSet,
      'AcquisitionDeviceProcessingDescription',
    ),
    BurnedInAnnotation: readText(dataSet, 'BurnedInAnnotation'),
    ageYears: ageInYears({
      PatientAge: readText(dataSet, 'PatientAge'),
      PatientBirthDate: readText(dataSet, 'PatientBirthDate'),
      date: readText(dataSet, 'AcquisitionDate') ?? readText(dataSet, 'StudyDate'),
    }),
    RequestedProcedurePriority:
      readText(dataSet, 'RequestedProcedurePriority') ??
      readItems(dataSet, 'RequestAttributesSequence')
        .map((item) => readText(item, 'RequestedProcedurePriority'))
        .find((priority) => priority !== undefined),
  };
}

/** The identity of a header. Throws `attribute-missing`, naming the attribute, never its value. */
export function identityOf(header: InstanceHeader): InstanceIdentity {
  return {
    SOPClassUID: mandatory(header, 'SOPClassUID'),
    SOPInstanceUID: mandatory(header, 'SOPInstanceUID'),
    SeriesInstanceUID: mandatory(header, 'SeriesInstanceUID'),
    StudyInstanceUID: mandatory(header, 'StudyInstanceUID'),
    TransferSyntaxUID: header.TransferSyntaxUID,
  };
}

function mandatory(
  header: InstanceHeader,
  keyword: Exclude<keyof InstanceIdentity, 'TransferSyntaxUID'>,
): DicomUid {
  const uid = header[keyword];
  if (uid === undefined) {
    throw new PipelineError('attribute-missing', `${keyword} is missing or not a valid UID.`);
  }
  return uid;
}

function readCodes(dataSet: DataSet, keyword: Keyword): string[] {
  return readItems(dataSet, keyword).flatMap((item) => readText(item, 'CodeValue') ?? []);
}

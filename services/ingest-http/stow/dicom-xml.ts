import type { DicomJson } from './store-response.js';

/** Keywords of the elements of a store response. Source: PS3.6. */
const KEYWORDS: Readonly<Record<string, string>> = {
  '00081150': 'ReferencedSOPClassUID',
  '00081155': 'ReferencedSOPInstanceUID',
  '00081190': 'RetrieveURL',
  '00081197': 'FailureReason',
  '00081198': 'FailedSOPSequence',
  '00081199': 'ReferencedSOPSequence',
  '0008119A': 'OtherFailuresSequence',
};

/** A dataset as the Native DICOM Model (PS3.19 A.1), which is what `application/dicom+xml` means. */
export function toDicomXml(dataset: DicomJson): string {
  return (
    '<?xml version="1.0" encoding="UTF-8"?>' +
    '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">' +
    `${attributes(dataset)}</NativeDicomModel>`
  );
}

function attributes(dataset: DicomJson): string {
  return Object.entries(dataset)
    .map(([tag, { vr, Value = [] }]) => {
      const values = Value.map((value, index) =>
        typeof value === 'object'
          ? `<Item number="${index + 1}">${attributes(value)}</Item>`
          : `<Value number="${index + 1}">${escape(String(value))}</Value>`,
      );
      const keyword = KEYWORDS[tag] ?? '';
      return `<DicomAttribute tag="${tag}" vr="${vr}" keyword="${keyword}">${values.join('')}</DicomAttribute>`;
    })
    .join('');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

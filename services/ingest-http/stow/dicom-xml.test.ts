import { expect, it } from 'vitest';

import { toDicomXml } from './dicom-xml.js';

it('writes elements, empty elements and items as the Native DICOM Model has them', () => {
  const xml = toDicomXml({
    '00081190': { vr: 'UR' },
    '00081199': {
      vr: 'SQ',
      Value: [
        {
          '00081155': { vr: 'UI', Value: ['1.2.3'] },
          '00081190': { vr: 'UR', Value: ['http://h/a?b&c'] },
        },
      ],
    },
  });
  // Written by hand after the example of PS3.19 A.1.
  expect(xml).toBe(
    '<?xml version="1.0" encoding="UTF-8"?>' +
      '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">' +
      '<DicomAttribute tag="00081190" vr="UR" keyword="RetrieveURL"></DicomAttribute>' +
      '<DicomAttribute tag="00081199" vr="SQ" keyword="ReferencedSOPSequence"><Item number="1">' +
      '<DicomAttribute tag="00081155" vr="UI" keyword="ReferencedSOPInstanceUID"><Value number="1">1.2.3</Value></DicomAttribute>' +
      '<DicomAttribute tag="00081190" vr="UR" keyword="RetrieveURL"><Value number="1">http://h/a?b&amp;c</Value></DicomAttribute>' +
      '</Item></DicomAttribute></NativeDicomModel>',
  );
});

import { describe, expect, it } from 'vitest';

import { parseUid } from '../../../core/dicom/uid.js';
import type { DicomUid } from '../../../core/dicom/uid.js';
import { PipelineError } from '../../../core/errors.js';
import type { ErrorCode } from '../../../core/errors.js';
import type { IngestOutcome } from '../../../core/use-cases/ingest-instance.js';
import { buildStoreResponse, storeStatus, storeWarnings } from './store-response.js';

function uid(text: string): DicomUid {
  const parsed = parseUid(text);
  if (parsed === undefined) {
    throw new Error(`${text} is no UID`);
  }
  return parsed;
}

const SOPClassUID = uid('1.2.840.10008.5.1.4.1.1.1.1');
const TransferSyntaxUID = uid('1.2.840.10008.1.2.1');

function stored(StudyInstanceUID: string, kind: 'stored' | 'duplicate' = 'stored'): IngestOutcome {
  return {
    kind,
    studyId: 'study',
    identity: {
      SOPClassUID,
      TransferSyntaxUID,
      StudyInstanceUID: uid(StudyInstanceUID),
      SeriesInstanceUID: uid(`${StudyInstanceUID}.1`),
      SOPInstanceUID: uid(`${StudyInstanceUID}.1.4`),
    },
  };
}

function failed(code: ErrorCode, SOPInstanceUID?: string): IngestOutcome {
  return {
    kind: 'failed',
    identity:
      SOPInstanceUID === undefined ? {} : { SOPClassUID, SOPInstanceUID: uid(SOPInstanceUID) },
    error: new PipelineError(code),
  };
}

const studiesUrl = 'https://h/dicom-web/studies';

describe('buildStoreResponse', () => {
  it('lists stored, failed and unreadable objects as PS3.18 table 10.5.3-2 says', () => {
    const outcomes = [
      stored('1.2.3'),
      failed('sop-class-unsupported', '1.2.3.5'),
      failed('dicom-unreadable'),
    ];
    expect(buildStoreResponse(outcomes, studiesUrl)).toEqual({
      // RetrieveURL of the study
      '00081190': { vr: 'UR', Value: ['https://h/dicom-web/studies/1.2.3'] },
      // ReferencedSOPSequence
      '00081199': {
        vr: 'SQ',
        Value: [
          {
            '00081150': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.1.1'] },
            '00081155': { vr: 'UI', Value: ['1.2.3.1.4'] },
            '00081190': {
              vr: 'UR',
              Value: ['https://h/dicom-web/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.4'],
            },
          },
        ],
      },
      // FailedSOPSequence: FailureReason 0122H, SOP Class not supported
      '00081198': {
        vr: 'SQ',
        Value: [
          {
            '00081150': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.1.1'] },
            '00081155': { vr: 'UI', Value: ['1.2.3.5'] },
            '00081197': { vr: 'US', Value: [290] },
          },
        ],
      },
      // OtherFailuresSequence: FailureReason C000H, cannot understand
      '0008119A': { vr: 'SQ', Value: [{ '00081197': { vr: 'US', Value: [49152] } }] },
    });
  });

  it('leaves the Retrieve URL empty when the objects are of several studies or of none', () => {
    expect(buildStoreResponse([stored('1.2.3'), stored('1.2.4')], studiesUrl)).toMatchObject({
      '00081190': { vr: 'UR' },
    });
    expect(buildStoreResponse([failed('dicom-unreadable')], studiesUrl)['00081190']).toEqual({
      vr: 'UR',
    });
  });

  it('leaves out sequences without items', () => {
    expect(Object.keys(buildStoreResponse([stored('1.2.3')], studiesUrl)).sort()).toEqual([
      '00081190',
      '00081199',
    ]);
  });

  it('references an object that was stored before', () => {
    const response = buildStoreResponse([stored('1.2.3', 'duplicate')], studiesUrl);
    expect(response['00081199']?.Value).toHaveLength(1);
  });
});

describe('storeStatus', () => {
  const ok = stored('1.2.3');
  it.each<[number, string, IngestOutcome[]]>([
    [200, 'everything is stored', [ok, stored('1.2.3', 'duplicate')]],
    [202, 'something is stored', [ok, failed('storage-full')]],
    [202, 'a body breaks off behind a stored object', [ok, failed('multipart-malformed')]],
    [400, 'a body is broken from the start', [failed('multipart-malformed')]],
    [409, 'objects are refused', [failed('sop-class-unsupported'), failed('instance-conflict')]],
    [409, 'failures differ', [failed('dicom-unreadable'), failed('multipart-malformed')]],
    [413, 'the only object is too large', [failed('payload-too-large')]],
    [415, 'the parts are of another type', [failed('media-type-unsupported')]],
    [500, 'the fault is ours', [failed('internal')]],
    [503, 'trying again may help', [failed('dicom-unreadable'), failed('database-unavailable')]],
    [408, 'the sender falls silent', [failed('request-timeout')]],
  ])('is %d when %s', (status, _when, outcomes) => {
    expect(storeStatus(outcomes)).toBe(status);
  });
});

describe('storeWarnings', () => {
  it('says each reason once, in words', () => {
    const outcomes = [failed('storage-full'), failed('storage-full'), failed('dicom-unreadable')];
    expect(storeWarnings(outcomes)).toEqual([
      '299 preread "storage-full: The object store has no room left."',
      '299 preread "dicom-unreadable: The bytes are not a readable DICOM object."',
    ]);
  });
});

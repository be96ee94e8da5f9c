import { randomBytes } from 'node:crypto';

import { uidFromHex128 } from '../../core/dicom/uid.js';
import type { DicomUid } from '../../core/dicom/uid.js';
import type { InstanceOutcome } from '../../core/results/outcome.js';
import type { StudyResult } from '../../core/results/study-result.js';
import { DISCLAIMER } from '../../core/results/study-result.js';
import type { NewInstance } from '../../core/storage/study-store.js';
import { isoTime } from '../../core/time.js';
import type { Priority } from '../../core/triage/priority.js';

/** 2026-01-15T08:00:00Z. */
export const SAMPLE_TIME_MS = Date.UTC(2026, 0, 15, 8);

export function newUid(): DicomUid {
  return uidFromHex128(randomBytes(16).toString('hex'));
}

export interface SampleInstance {
  readonly StudyInstanceUID?: DicomUid;
  readonly SOPInstanceUID?: DicomUid;
  readonly sha256?: string;
  readonly requestedPriority?: Priority;
  readonly receivedAtMs?: number;
}

/** An instance as ingest records it; a new one of a new study unless told otherwise. */
export function sampleInstance(sample: SampleInstance = {}): NewInstance {
  const sha256 = sample.sha256 ?? randomBytes(32).toString('hex');
  return {
    identity: {
      StudyInstanceUID: sample.StudyInstanceUID ?? newUid(),
      SeriesInstanceUID: newUid(),
      SOPInstanceUID: sample.SOPInstanceUID ?? newUid(),
      // Digital X-Ray Image Storage - For Presentation, Explicit VR Little Endian.
      SOPClassUID: '1.2.840.10008.5.1.4.1.1.1.1' as DicomUid,
      TransferSyntaxUID: '1.2.840.10008.1.2.1' as DicomUid,
    },
    sha256,
    sizeBytes: 15_000_000_000,
    objectKey: `${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}.dcm`,
    requestedPriority: sample.requestedPriority ?? 'routine',
    receivedAtMs: sample.receivedAtMs ?? SAMPLE_TIME_MS,
  };
}

export const sampleOutcome: InstanceOutcome = {
  kind: 'not-analysed',
  reason: 'not-frontal',
  detail: 'The view is lateral.',
  warnings: [{ gate: 'age', detail: 'The age is not stated.' }],
};

export const sampleTimes = {
  queuedAtMs: SAMPLE_TIME_MS + 20,
  inferStartAtMs: SAMPLE_TIME_MS + 1_001,
  inferEndAtMs: SAMPLE_TIME_MS + 1_050,
};

/** A result without findings, as of a study whose images were not analysed. */
export function sampleResult(
  StudyInstanceUID: string,
  resultVersion: number,
  triage: Partial<StudyResult['triage']> = {},
): StudyResult {
  return {
    schemaVersion: 1,
    StudyInstanceUID,
    resultVersion,
    ...(resultVersion > 1 && { amends: resultVersion - 1 }),
    status: 'preliminary',
    triage: {
      requestedPriority: 'routine',
      priority: 'routine',
      flagged: false,
      flaggedFindings: [],
      ...triage,
    },
    analysed: false,
    findings: [],
    instances: [],
    models: [],
    software: { name: 'preread', version: '0.0.0' },
    assembledAt: isoTime(SAMPLE_TIME_MS),
    disclaimer: DISCLAIMER,
  };
}

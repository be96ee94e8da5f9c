import type { PipelineError } from '../../../core/errors.js';
import type { IngestOutcome } from '../../../core/use-cases/ingest-instance.js';

/** A dataset in the DICOM JSON model, as far as a store response needs it. Source: PS3.18 F.2. */
export type DicomJson = Readonly<Record<string, DicomJsonElement>>;
interface DicomJsonElement {
  readonly vr: 'UI' | 'UR' | 'US' | 'SQ';
  readonly Value?: readonly (string | number | DicomJson)[];
}

const TAG = {
  ReferencedSOPClassUID: '00081150',
  ReferencedSOPInstanceUID: '00081155',
  RetrieveURL: '00081190',
  FailureReason: '00081197',
  FailedSOPSequence: '00081198',
  ReferencedSOPSequence: '00081199',
  OtherFailuresSequence: '0008119A',
} as const;

/**
 * The store instances response (PS3.18 table 10.5.3-2). Instances that are stored, now or before, are
 * referenced; failures are listed with their instance where it could be read and without it elsewhere.
 *
 * @param studiesUrl absolute URL of the studies resource, without a slash at its end
 */
export function buildStoreResponse(
  outcomes: readonly IngestOutcome[],
  studiesUrl: string,
): DicomJson {
  const stored = outcomes.filter((outcome) => outcome.kind !== 'failed');
  const failed = outcomes.filter((outcome) => outcome.kind === 'failed');
  const studies = new Set(stored.map(({ identity }) => identity.StudyInstanceUID));
  const [onlyStudy] = studies.size === 1 ? studies : [];

  const referenced = stored.map(({ identity }) => ({
    ...reference(identity.SOPClassUID, identity.SOPInstanceUID),
    [TAG.RetrieveURL]: element(
      'UR',
      `${studiesUrl}/${identity.StudyInstanceUID}/series/${identity.SeriesInstanceUID}/instances/${identity.SOPInstanceUID}`,
    ),
  }));
  const failedInstances: DicomJson[] = [];
  const otherFailures: DicomJson[] = [];
  for (const { identity, error } of failed) {
    const reason = { [TAG.FailureReason]: element('US', error.failureReason) };
    if (identity.SOPClassUID !== undefined && identity.SOPInstanceUID !== undefined) {
      const { SOPClassUID, SOPInstanceUID } = identity;
      failedInstances.push({ ...reference(SOPClassUID, SOPInstanceUID), ...reason });
    } else {
      otherFailures.push(reason);
    }
  }
  return {
    [TAG.RetrieveURL]:
      onlyStudy === undefined ? { vr: 'UR' } : element('UR', `${studiesUrl}/${onlyStudy}`),
    ...sequence(TAG.FailedSOPSequence, failedInstances),
    ...sequence(TAG.ReferencedSOPSequence, referenced),
    ...sequence(TAG.OtherFailuresSequence, otherFailures),
  };
}

/**
 * The HTTP status of a store request (PS3.18 table 10.5.3-1). When nothing was stored, trouble of ours that
 * may pass outweighs everything, and otherwise failures of one kind keep that kind's status.
 */
export function storeStatus(outcomes: readonly IngestOutcome[]): number {
  const errors = outcomes.flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.error] : []));
  if (errors.length < outcomes.length) {
    return errors.length === 0 ? 200 : 202;
  }
  if (errors.some((error) => error.failure === 'transient' && error.httpStatus === 503)) {
    return 503;
  }
  const [status = 400, ...others] = new Set(errors.map((error) => error.httpStatus));
  return others.length === 0 ? status : 409;
}

/**
 * Warning headers (RFC 7234 5.5) with the errors' sentences, once each: the response dataset has only
 * numbers, and whoever connects a new sender reads words better.
 */
export function storeWarnings(outcomes: readonly IngestOutcome[]): string[] {
  const sentences = outcomes.flatMap((outcome) =>
    outcome.kind === 'failed' ? [`${outcome.error.code}: ${outcome.error.message}`] : [],
  );
  return [...new Set(sentences)].map((text) => `299 preread "${text.replaceAll(/["\\]/g, "'")}"`);
}

/** A failure that belongs to the request and to none of its instances that could be named. */
export function unnamedFailure(error: PipelineError): IngestOutcome {
  return { kind: 'failed', identity: {}, error };
}

function reference(SOPClassUID: string, SOPInstanceUID: string): DicomJson {
  return {
    [TAG.ReferencedSOPClassUID]: element('UI', SOPClassUID),
    [TAG.ReferencedSOPInstanceUID]: element('UI', SOPInstanceUID),
  };
}

function element(vr: DicomJsonElement['vr'], value: string | number): DicomJsonElement {
  return { vr, Value: [value] };
}

function sequence(tag: string, items: readonly DicomJson[]): DicomJson {
  return items.length === 0 ? {} : { [tag]: { vr: 'SQ', Value: items } };
}

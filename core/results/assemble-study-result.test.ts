import { describe, expect, it } from 'vitest';

import { parseUid, type DicomUid } from '../dicom/uid.js';
import type { StoredInstance, StudySnapshot } from '../storage/study-store.js';
import type { Priority } from '../triage/priority.js';
import { assembleStudyResult, saysTheSame } from './assemble-study-result.js';
import type { FindingScore } from './finding-score.js';
import type { InstanceOutcome } from './outcome.js';
import { studyResultSchema } from './study-result.js';

const context = { software: { name: 'preread', version: '0.0.0' }, nowMs: 1_700_000_000_000 };

describe('assembleStudyResult', () => {
  it('takes the largest probability of each finding and names the image it comes from', () => {
    const result = assembleStudyResult(
      snapshot([
        scored('1.2.1', [finding('Effusion', 0.2), finding('Mass', 0.7)]),
        scored('1.2.2', [finding('Effusion', 0.9), finding('Mass', 0.1)]),
      ]),
      context,
    );
    expect(result.findings).toMatchObject([
      { key: 'Effusion', probability: 0.9, SOPInstanceUID: '1.2.2' },
      { key: 'Mass', probability: 0.7, SOPInstanceUID: '1.2.1' },
    ]);
    expect(studyResultSchema.parse(result)).toBeDefined();
  });

  it('raises the priority to that of the most urgent flagged finding', () => {
    const flagged = { ...finding('Pneumothorax', 0.9), flagged: true, priority: 'stat' as const };
    const result = assembleStudyResult(snapshot([scored('1.2.1', [flagged])]), context);
    expect(result.triage).toEqual({
      requestedPriority: 'routine',
      priority: 'stat',
      flagged: true,
      flaggedFindings: ['Pneumothorax'],
    });
  });

  it('never lowers the priority that the study came with', () => {
    const result = assembleStudyResult(
      snapshot([scored('1.2.1', [finding('Mass', 0.1)])], { requestedPriority: 'stat' }),
      context,
    );
    expect(result.triage.priority).toBe('stat');
  });

  it('says why an image was not analysed, and that none was', () => {
    const outcome: InstanceOutcome = {
      kind: 'not-analysed',
      reason: 'not-frontal',
      detail: 'The view is not frontal (PA or AP).',
      warnings: [],
    };
    const result = assembleStudyResult(snapshot([instance('1.2.1', outcome)]), context);
    expect(result).toMatchObject({
      analysed: false,
      findings: [],
      instances: [{ SOPInstanceUID: '1.2.1', outcome }],
    });
  });

  it('amends the version before it', () => {
    const first = assembleStudyResult(snapshot([scored('1.2.1', [finding('Mass', 0.1)])]), context);
    const second = assembleStudyResult(
      snapshot([scored('1.2.1', [finding('Mass', 0.1)])], {}, first),
      context,
    );
    expect(first.resultVersion).toBe(1);
    expect(first.amends).toBeUndefined();
    expect(first.revision).toBeUndefined();
    expect(second).toMatchObject({
      resultVersion: 2,
      amends: 1,
      revision: { cause: 'new-images' },
    });
  });

  it('says who has asked for another version, and why', () => {
    const instances = [scored('1.2.1', [finding('Mass', 0.1)])];
    const first = assembleStudyResult(snapshot(instances), context);
    const reprocessing = {
      reason: 'a new model',
      requestedBy: 'admin',
      requestedAt: '2026-01-15T08:00:00.000Z',
    };
    const before = snapshot(instances, {}, first);
    const second = assembleStudyResult(
      { ...before, study: { ...before.study, reprocessing } },
      context,
    );
    expect(second.revision).toEqual({ cause: 'reprocessing', ...reprocessing });
  });
});

describe('saysTheSame', () => {
  const one = assembleStudyResult(snapshot([scored('1.2.1', [finding('Mass', 0.1)])]), context);

  it('ignores version, time and the order of keys', () => {
    const reordered = Object.fromEntries(Object.entries(one).reverse()) as typeof one;
    expect(saysTheSame(one, { ...reordered, resultVersion: 2, assembledAt: '' })).toBe(true);
  });

  it('sees a score that moved', () => {
    const other = assembleStudyResult(snapshot([scored('1.2.1', [finding('Mass', 0.2)])]), context);
    expect(saysTheSame(one, other)).toBe(false);
  });
});

function snapshot(
  instances: readonly StoredInstance[],
  study: { requestedPriority?: Priority } = {},
  latestResult?: StudySnapshot['latestResult'],
): StudySnapshot {
  return {
    study: {
      studyId: 'study',
      StudyInstanceUID: uid('1.2'),
      requestedPriority: study.requestedPriority ?? 'routine',
      activity: 2,
      assembledActivity: 0,
      firstReceivedAtMs: 0,
      lastActivityAtMs: 0,
      heldUntilMs: 0,
      reprocessing: undefined,
      traceId: undefined,
    },
    instances,
    latestResult,
  };
}

function scored(SOPInstanceUID: string, findings: FindingScore[]): StoredInstance {
  return instance(SOPInstanceUID, {
    kind: 'scored',
    findings,
    model: {
      name: 'test',
      version: '1.0.0',
      sha256: '0',
      recipe: 'test@1',
      operatingPoint: 'youden',
      precision: 'fp32',
      executionProvider: 'cpu',
    },
    warnings: [],
  });
}

function instance(SOPInstanceUID: string, outcome: InstanceOutcome): StoredInstance {
  return {
    instanceId: SOPInstanceUID,
    studyId: 'study',
    identity: {
      SOPClassUID: uid('1.2.840.10008.5.1.4.1.1.1'),
      SOPInstanceUID: uid(SOPInstanceUID),
      SeriesInstanceUID: uid('1.2.9'),
      StudyInstanceUID: uid('1.2'),
      TransferSyntaxUID: uid('1.2.840.10008.1.2.1'),
    },
    sha256: '0',
    objectKey: '0',
    receivedAtMs: 1_699_999_999_000,
    askedForAtMs: 1_699_999_999_000,
    queuedAtMs: undefined,
    inferStartAtMs: undefined,
    inferEndAtMs: undefined,
    outcome,
    purgedAtMs: undefined,
    traceId: undefined,
  };
}

function finding(key: string, probability: number): FindingScore {
  return {
    key,
    display: { en: key, vi: key },
    codes: [],
    probability,
    operatingPointScore: probability,
    threshold: 0.5,
    flagged: false,
    priority: 'routine',
  };
}

function uid(text: string): DicomUid {
  const parsed = parseUid(text);
  if (!parsed) {
    throw new Error(`not a UID: ${text}`);
  }
  return parsed;
}

import { canonicalJson } from '../canonical-json.js';
import type { StoredInstance, StoredStudy, StudySnapshot } from '../storage/study-store.js';
import { isoTime, isoTimeIfKnown } from '../time.js';
import { raisePriority } from '../triage/priority.js';
import type { ModelProvenance } from './outcome.js';
import { DISCLAIMER, type InstanceResult, type StudyResult } from './study-result.js';

export interface AssembleContext {
  readonly software: { readonly name: string; readonly version: string };
  readonly nowMs: number;
}

/**
 * The result that covers all instances of a snapshot, each of which must have its outcome.
 * Per finding the largest probability over the analysed images counts; the priority never falls below the
 * requested one. Version n+1 amends n.
 */
export function assembleStudyResult(
  snapshot: StudySnapshot,
  context: AssembleContext,
): StudyResult {
  const { study, latestResult } = snapshot;
  const instances = snapshot.instances.map(instanceResult);
  const findings = largestFindings(instances);
  const flagged = findings.filter((finding) => finding.flagged);
  return {
    schemaVersion: 1,
    StudyInstanceUID: study.StudyInstanceUID,
    resultVersion: (latestResult?.resultVersion ?? 0) + 1,
    amends: latestResult?.resultVersion,
    revision: latestResult && revisionOf(snapshot.study),
    status: 'preliminary',
    triage: {
      requestedPriority: study.requestedPriority,
      priority: flagged.reduce(
        (priority, finding) => raisePriority(priority, finding.priority),
        study.requestedPriority,
      ),
      flagged: flagged.length > 0,
      flaggedFindings: flagged.map((finding) => finding.key),
    },
    analysed: instances.some((instance) => instance.outcome.kind === 'scored'),
    findings,
    instances,
    models: distinctModels(instances),
    software: { ...context.software },
    assembledAt: isoTime(context.nowMs),
    disclaimer: DISCLAIMER,
  };
}

function revisionOf({ reprocessing }: StoredStudy): StudyResult['revision'] {
  return reprocessing === undefined
    ? { cause: 'new-images' }
    : { cause: 'reprocessing', ...reprocessing };
}

/** Whether two results say the same of the same images: then the later one is not worth a version. */
export function saysTheSame(a: StudyResult, b: StudyResult): boolean {
  return canonicalJson(essence(a)) === canonicalJson(essence(b));
}

function essence(result: StudyResult): unknown {
  return {
    triage: result.triage,
    findings: result.findings,
    instances: result.instances.map(({ SOPInstanceUID, outcome }) => ({ SOPInstanceUID, outcome })),
  };
}

function instanceResult(instance: StoredInstance): InstanceResult {
  if (!instance.outcome) {
    throw new Error('every instance must have its outcome before a result is assembled');
  }
  const { identity } = instance;
  return {
    SOPInstanceUID: identity.SOPInstanceUID,
    SeriesInstanceUID: identity.SeriesInstanceUID,
    SOPClassUID: identity.SOPClassUID,
    outcome: instance.outcome,
    timestamps: {
      received: isoTime(instance.receivedAtMs),
      queued: isoTimeIfKnown(instance.queuedAtMs),
      inferStart: isoTimeIfKnown(instance.inferStartAtMs),
      inferEnd: isoTimeIfKnown(instance.inferEndAtMs),
    },
  };
}

function largestFindings(instances: readonly InstanceResult[]): StudyResult['findings'] {
  const largest = new Map<string, StudyResult['findings'][number]>();
  for (const { SOPInstanceUID, outcome } of instances) {
    for (const finding of outcome.kind === 'scored' ? outcome.findings : []) {
      const known = largest.get(finding.key);
      if (!known || finding.probability > known.probability) {
        largest.set(finding.key, { ...finding, SOPInstanceUID });
      }
    }
  }
  return [...largest.values()];
}

function distinctModels(instances: readonly InstanceResult[]): ModelProvenance[] {
  const models = new Map<string, ModelProvenance>();
  for (const { outcome } of instances) {
    if (outcome.kind === 'scored') {
      models.set(JSON.stringify(outcome.model), outcome.model);
    }
  }
  return [...models.values()];
}

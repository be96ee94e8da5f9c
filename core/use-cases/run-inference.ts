import { PipelineError } from '../errors.js';
import type {
  EngineFacts,
  ImageClassification,
  ImageClassifier,
} from '../inference/image-classifier.js';
import type { SiteManifest } from '../inference/model-overlay.js';
import { recordHeatMaps } from '../inference/record-heat-maps.js';
import { scoreFindings } from '../inference/score-findings.js';
import type { JobContext } from '../jobs/job-queue.js';
import type { GateResult } from '../gating/gate.js';
import { NOT_ANALYSED, type InstanceOutcome, type ModelProvenance } from '../results/outcome.js';
import type { ObjectStore } from '../storage/object-store.js';
import type { StudyStore } from '../storage/study-store.js';
import type { Clock } from '../time.js';
import { priorityRank } from '../triage/priority.js';

export interface RunInferenceDeps {
  readonly store: Pick<StudyStore, 'loadInstance' | 'recordOutcome'>;
  readonly objects: Pick<ObjectStore, 'path'>;
  readonly classifier: ImageClassifier;
  readonly manifest: SiteManifest;
  readonly clock: Clock;
  /** Quiet time after a study's last image before its result is made. */
  readonly assembleDelayMs: number;
  /** Whether outcomes keep the maps of flagged findings; only with a model that gives maps. */
  readonly heatMaps: boolean;
}

export type RunInferenceResult =
  | {
      readonly kind: 'recorded';
      readonly outcome: InstanceOutcome;
      readonly traceId: string | undefined;
      /** From its reception, or the request to do it again, to this attempt. */
      readonly waitedMs: number;
    }
  | { readonly kind: 'nothing-to-do' };

/**
 * Gives one instance its outcome. An object that this worker cannot read is thrown, always: another worker, or
 * a later time, will. A crash or time-out of the engine is thrown for the queue to retry, which takes it to
 * another process; on the last attempt it becomes the outcome `processing-failed`, because "nothing happened"
 * is not one. So does at once what no repetition mends.
 */
export async function runInference(
  deps: RunInferenceDeps,
  instanceId: string,
  context: JobContext,
): Promise<RunInferenceResult> {
  const instance = await deps.store.loadInstance(instanceId);
  if (!instance || instance.outcome) {
    return { kind: 'nothing-to-do' };
  }
  const inferStartAtMs = deps.clock();
  let outcome: InstanceOutcome;
  try {
    const classification = await deps.classifier.classify(
      { path: deps.objects.path(instance.objectKey) },
      { urgent: context.priorityRank === priorityRank('stat'), cams: deps.heatMaps },
    );
    if (classification.kind === 'not-analysed' && classification.reason === 'file-unreadable') {
      // We have acknowledged it, so it exists; this worker does not see it (a share that is not mounted).
      throw new PipelineError('storage-unavailable', 'a stored object cannot be read here');
    }
    outcome = toInstanceOutcome(deps.manifest, deps.classifier.engine, classification);
  } catch (error) {
    if (!(error instanceof PipelineError) || !endsHere(error, context)) {
      throw error;
    }
    outcome = {
      kind: 'not-analysed',
      reason: 'processing-failed',
      detail: `${NOT_ANALYSED['processing-failed']} (${error.code})`,
      warnings: [],
    };
  }
  const inferEndAtMs = deps.clock();
  const recorded = await deps.store.recordOutcome(
    instanceId,
    outcome,
    { queuedAtMs: context.queuedAtMs, inferStartAtMs, inferEndAtMs },
    deps.assembleDelayMs,
  );
  if (!recorded) {
    return { kind: 'nothing-to-do' };
  }
  const waitedMs = inferStartAtMs - instance.askedForAtMs;
  return { kind: 'recorded', outcome, traceId: instance.traceId, waitedMs };
}

/** What the engine said of an image, with the manifest's thresholds applied. */
export function toInstanceOutcome(
  manifest: SiteManifest,
  engine: EngineFacts,
  classification: ImageClassification,
): InstanceOutcome {
  const warnings = classification.gates.filter((gate) => gate.verdict === 'warn').map(toWarning);
  const site = classification.site === undefined ? {} : { site: classification.site };
  if (classification.kind === 'not-analysed') {
    const { kind, reason, detail } = classification;
    return { kind, reason, detail, warnings, ...site };
  }
  const findings = scoreFindings(manifest, classification.logits);
  return {
    kind: 'scored',
    findings,
    model: modelProvenance(manifest, engine),
    warnings,
    ...site,
    ...(classification.cams &&
      classification.picture && {
        heatMaps: recordHeatMaps(manifest, findings, classification.cams, classification.picture),
      }),
  };
}

export function modelProvenance(manifest: SiteManifest, engine: EngineFacts): ModelProvenance {
  return {
    name: manifest.name,
    version: manifest.version,
    sha256: engine.sha256,
    precision: engine.precision,
    recipe: manifest.input.recipe,
    operatingPoint: manifest.operatingPoint,
    ...(manifest.overlay && { overlay: manifest.overlay }),
    executionProvider: engine.executionProvider,
  };
}

function toWarning(gate: GateResult): InstanceOutcome['warnings'][number] {
  return { gate: gate.gate, detail: gate.detail ?? '' };
}

function endsHere(error: PipelineError, { lastAttempt }: JobContext): boolean {
  const engineFailed = error.code === 'inference-crashed' || error.code === 'inference-timeout';
  return error.failure === 'permanent' || (engineFailed && lastAttempt);
}

import {
  createClassifierPool,
  type ClassifierPool,
  type ClassifierPoolOptions,
} from '../../adapters/inference/classifier-pool.js';
import { defaultProcesses, type InferenceConfig } from '../../adapters/inference/config.js';
import { gatePolicyOf } from '../../adapters/inference/gating-config.js';
import type { ModelsConfig } from '../../adapters/models/config.js';
import { modelSearchPath } from '../../adapters/models/find-model.js';
import { readSiteModel } from '../../adapters/models/read-site-model.js';
import type { OnnxConfig } from '../../adapters/onnx/config.js';
import { loadSiteRules } from '../../adapters/rules/load-site-rules.js';
import { builtEntry } from '../../adapters/process/package-info.js';
import type { SiteManifest } from '../../core/inference/model-overlay.js';
import type { SiteRules } from '../../core/rules/site-rules.js';
import type { Logger } from '../../core/log.js';
import type { ClassifierSettings } from './classifier-settings.js';

export type ClassifierConfig = InferenceConfig & ModelsConfig & OnnxConfig;

/** What is for whoever opens it to say, and no setting. */
export type PoolUse = Pick<ClassifierPoolOptions, 'startWith' | 'purpose'>;

export interface OpenClassifier {
  readonly classifier: ClassifierPool;
  readonly manifest: SiteManifest;
  readonly siteRules: SiteRules;
}

/**
 * The configured model in warm processes: all of them, or the first one of them, while the others follow. Throws `model-not-found`, `model-manifest-invalid`,
 * `model-hash-mismatch`, `model-overlay-invalid`, `model-overlay-mismatch`, `model-graph-mismatch`,
 * `model-self-test-failed`, `config-invalid` for the site's rules or, when a process does not
 * start at all, `inference-crashed` or `inference-timeout`.
 */
export async function openClassifier(
  deps: { readonly logger: Logger },
  config: ClassifierConfig,
  use: PoolUse = {},
): Promise<OpenClassifier> {
  const searchPath = modelSearchPath(config.PREREAD_MODELS_DIR);
  const { folder, manifest } = await readSiteModel(
    config.PREREAD_MODEL,
    searchPath,
    config.PREREAD_MODEL_OVERLAY,
  );
  const siteRules = await loadSiteRules(config.PREREAD_RULES);
  const settings: ClassifierSettings = {
    // The folder, so that every child loads the model that has been found here.
    model: folder,
    modelSearchPath: [...searchPath],
    provider: config.PREREAD_PROVIDER,
    precision: config.PREREAD_PRECISION,
    decode: config.PREREAD_DECODE,
    threads: config.PREREAD_INFERENCE_THREADS ?? 1,
    maxBatch: config.PREREAD_MAX_BATCH,
    batchDelayMs: config.PREREAD_BATCH_DELAY_MS,
    gatePolicy: gatePolicyOf(config),
    siteRules,
  };
  const classifier = await createClassifierPool(deps, {
    entryPath: builtEntry('workers/inference/classifier-child'),
    settings,
    processes: config.PREREAD_INFERENCE_PROCESSES ?? defaultProcesses(),
    imageTimeLimitMs: config.PREREAD_IMAGE_TIME_LIMIT_MS,
    startTimeLimitMs: config.PREREAD_INFERENCE_START_LIMIT_MS,
    memoryLimitMb: config.PREREAD_INFERENCE_MEMORY_MB,
    ...use,
  });
  return { classifier, manifest, siteRules };
}

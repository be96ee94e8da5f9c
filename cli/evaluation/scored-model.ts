import { loadConfig } from '../../adapters/config/load-config.js';
import { modelsConfig } from '../../adapters/models/config.js';
import { modelSearchPath } from '../../adapters/models/find-model.js';
import { readSiteModel } from '../../adapters/models/read-site-model.js';
import { PipelineError } from '../../core/errors.js';
import type { Precision } from '../../core/inference/model-manifest.js';
import {
  modelText,
  type ModelOverlay,
  type SiteManifest,
} from '../../core/inference/model-overlay.js';
import { readRunRecordOf, readScoreFile, type ScoreRow } from './score-file.js';

export interface ScoredModelOptions {
  readonly scores: string;
  /** Instead of the one that the rows name. */
  readonly model?: string | undefined;
  readonly modelsDir?: string | undefined;
  readonly overlay?: string | undefined;
}

/** The model that made a score file. */
export interface ScoredModel {
  readonly manifest: SiteManifest;
  readonly overlay: ModelOverlay | undefined;
  /** As the rows name it. */
  readonly text: string;
  /** The form whose hash the rows or the run's record name; undefined where they name none. */
  readonly scoredWith: { readonly precision: Precision; readonly sha256: string } | undefined;
}

/**
 * Finds the model of a score file by the name in its first row and checks that it is the same: version,
 * and SHA-256 where the file or its run record says it. Throws `request-invalid` when it is another.
 */
export async function findScoredModel(
  options: ScoredModelOptions,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ScoredModel> {
  const row = await firstRow(options.scores);
  const config = loadConfig(modelsConfig, env);
  const [named = '', siteText] = row.model.split('+');
  const [name = '', version = ''] = named.split('@');
  const overlayPath = options.overlay ?? config.PREREAD_MODEL_OVERLAY;
  const { manifest, overlay } = await readSiteModel(
    options.model ?? name,
    modelSearchPath(options.modelsDir ?? config.PREREAD_MODELS_DIR),
    overlayPath,
  );
  if (manifest.name !== name || manifest.version !== version) {
    throw new PipelineError(
      'request-invalid',
      `The scores are of ${named}, the model that was found is ` +
        `${manifest.name}@${manifest.version}: name the right one with --model.`,
    );
  }
  if (siteText !== undefined && modelText(manifest) !== row.model) {
    throw new PipelineError(
      'request-invalid',
      `The scores were made with the overlay ${siteText}: name its file with --overlay.`,
    );
  }
  const record = await readRunRecordOf(options.scores);
  const sha256 = row.modelSha256 ?? record?.model.sha256;
  const forms = [{ precision: 'fp32' as const, file: manifest.file }, ...(manifest.variants ?? [])];
  const form = forms.find(({ file }) => file.sha256 === sha256);
  if (sha256 !== undefined && form === undefined) {
    throw new PipelineError(
      'model-hash-mismatch',
      `The scores are of weights with the SHA-256 ${sha256}, ${named} has ${manifest.file.sha256}.`,
    );
  }
  const scoredWith = form && { precision: form.precision, sha256: form.file.sha256 };
  return { manifest, overlay, text: row.model, scoredWith };
}

/** Checks, row by row, that all of a file was made by one model. */
export function sameModelOnly(scores: string, first: string): (row: ScoreRow) => void {
  return ({ model }) => {
    if (model !== first) {
      throw new PipelineError(
        'request-invalid',
        `${scores} mixes rows of ${first} and ${model}: score the images with one model.`,
      );
    }
  };
}

async function firstRow(path: string): Promise<ScoreRow> {
  for await (const row of readScoreFile(path)) {
    return row;
  }
  throw new PipelineError('request-invalid', `${path} has no rows.`);
}

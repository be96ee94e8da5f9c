import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { prepareImage } from '../../adapters/dicom/prepare-image.js';
import { download } from '../../adapters/models/download.js';
import type { LoadedModel } from '../../adapters/models/load-model.js';
import { readCatalogue } from '../../adapters/models/read-catalogue.js';
import type { ClassifierSession } from '../../adapters/onnx/classifier-session.js';
import { PipelineError } from '../../core/errors.js';
import { DEFAULT_GATE_POLICY } from '../../core/gating/gate-policy.js';
import { sigmoid } from '../../core/inference/calibration.js';
import type { ModelManifest } from '../../core/inference/model-manifest.js';
import { operatingPointScore } from '../../core/inference/score-findings.js';
import type { CatalogueModel } from '../../core/models/catalogue.js';
import { say } from './models-folder.js';
import { proxySettings } from './proxy-settings.js';

/**
 * Largest difference from published scores. They have 8 digits; what is left is the resampling of another
 * version of scikit-image and the rounding of another runtime.
 */
const PUBLISHED_TOLERANCE = 5e-3;

type Published = NonNullable<CatalogueModel['published']>;
type Print = (line: string) => void;

/**
 * Compares the scores of the published image with those that the authors print. `image` is its file, or true to
 * download it. Throws `model-self-test-failed` when the scores are others, `config-invalid` when none are published.
 */
export async function comparePublished(
  image: string | true,
  { manifest }: LoadedModel,
  session: ClassifierSession,
  print: Print,
): Promise<void> {
  const published = await publishedScores(manifest.name);
  if (image !== true) {
    await compareImage(image, manifest, session, published, print);
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'preread-published-'));
  try {
    await compareImage(await fetchImage(folder, published), manifest, session, published, print);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function publishedScores(name: string): Promise<Published> {
  const { models } = await readCatalogue();
  const published = Object.hasOwn(models, name) ? models[name]?.published : undefined;
  if (published === undefined) {
    const those = Object.entries(models).filter((entry) => entry[1].published !== undefined);
    throw new PipelineError(
      'config-invalid',
      `No scores are published for ${name}, only for ${those.map(([other]) => other).join(', ')}: leave --image out.`,
    );
  }
  return published;
}

async function fetchImage(folder: string, { url }: Published): Promise<string> {
  const path = join(folder, 'published.png');
  say(`Downloading ${url}`);
  try {
    await download(url, path, { proxy: proxySettings(process.env) });
  } catch (error) {
    if (!(error instanceof PipelineError)) {
      throw error;
    }
    throw new PipelineError(
      error.code,
      `${error.message} Without a network fetch ${url} elsewhere and name the file: --image FILE.`,
      { cause: error },
    );
  }
  return path;
}

async function compareImage(
  path: string,
  manifest: ModelManifest,
  session: ClassifierSession,
  published: Published,
  print: Print,
): Promise<void> {
  const { recipe, channels, width, height } = manifest.input;
  const prepared = await prepareImage(
    { path },
    { recipe, inputSize: { channels, width, height }, gatePolicy: DEFAULT_GATE_POLICY },
  );
  if (prepared.kind === 'not-analysed') {
    throw new PipelineError('file-unreadable', `${path}: ${prepared.detail}`);
  }
  const { logits } = await session.run(prepared.tensor);
  print(`scores of ${published.image} (${published.source})`);
  let largest = 0;
  for (const [index, { key, thresholds }] of manifest.findings.entries()) {
    const expected = published.scores[key] ?? NaN;
    const threshold = thresholds[manifest.operatingPoint] ?? NaN;
    const score = operatingPointScore(sigmoid(logits[index] ?? NaN), threshold);
    const difference = Math.abs(score - expected);
    largest = Number.isNaN(difference) ? NaN : Math.max(largest, difference);
    print(`  ${key.padEnd(28)} ${score.toFixed(6)}  published ${expected.toFixed(6)}`);
  }
  // Also true for NaN.
  if (!(largest <= PUBLISHED_TOLERANCE)) {
    throw new PipelineError(
      'model-self-test-failed',
      `The scores of ${path} differ by up to ${largest.toPrecision(3)} from the published ones: other weights, or another ` +
        `image than ${published.url} byte for byte.`,
    );
  }
  print(`  largest difference ${largest.toExponential(1)}`);
}

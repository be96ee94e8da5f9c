import { prepareImage } from '../../adapters/dicom/prepare-image.js';
import { loadModel, readModelFolder, type LoadedModel } from '../../adapters/models/load-model.js';
import { readCatalogue } from '../../adapters/models/read-catalogue.js';
import {
  createClassifierSession,
  type ClassifierSession,
} from '../../adapters/onnx/classifier-session.js';
import { warmUp } from '../../adapters/onnx/self-test.js';
import { PipelineError } from '../../core/errors.js';
import { DEFAULT_GATE_POLICY } from '../../core/gating/gate-policy.js';
import type { Precision } from '../../core/inference/model-manifest.js';
import { sigmoid } from '../../core/inference/calibration.js';
import { operatingPointScore } from '../../core/inference/score-findings.js';
import type { ModelsFolder } from './models-folder.js';

/**
 * Largest difference from published scores. They have 8 digits; what is left is the resampling of another
 * version of scikit-image and the rounding of another runtime.
 */
const PUBLISHED_TOLERANCE = 5e-3;

/** `preread models verify`: hash, graph and self-test of every form; published scores of an image. */
export async function verifyModel(
  name: string,
  { searchPath }: ModelsFolder,
  { image }: { readonly image?: string },
): Promise<void> {
  const { folder, manifest } = await readModelFolder(name, searchPath);
  const forms: Precision[] = ['fp32', ...(manifest.variants ?? []).map((v) => v.precision)];
  for (const precision of forms) {
    const model = await loadModel(folder, [], { precision, fastInt8: true });
    const { provider, cases } = await selfTested(model, async (session) => {
      if (image !== undefined && precision === 'fp32') {
        await comparePublished(image, model, session);
      }
    });
    print(`${precision}  ${model.weights.file.path}`);
    print(`  SHA-256 ${model.weights.file.sha256}: as the manifest says`);
    print(`  graph: as the manifest says, on ${provider}`);
    print(`  self-test: ${cases === 0 ? 'there is none' : `${cases} cases reproduced`}`);
  }
  print(`${manifest.name}@${manifest.version} is in order.`);
}

async function selfTested(
  { bytes, manifest, selfTest }: LoadedModel,
  andThen: (session: ClassifierSession) => Promise<void>,
): Promise<{ provider: string; cases: number }> {
  const session = await createClassifierSession({ bytes, manifest, provider: 'cpu' });
  try {
    await warmUp(session, manifest, selfTest);
    await andThen(session);
    return { provider: session.executionProvider, cases: selfTest?.cases.length ?? 0 };
  } finally {
    await session.release();
  }
}

/** Throws `model-self-test-failed` when the scores of the published image are others. */
async function comparePublished(
  path: string,
  { manifest }: LoadedModel,
  session: ClassifierSession,
): Promise<void> {
  const { models } = await readCatalogue();
  const published = Object.hasOwn(models, manifest.name)
    ? models[manifest.name]?.published
    : undefined;
  if (published === undefined) {
    throw new PipelineError('config-invalid', `No scores are published for ${manifest.name}.`);
  }
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
      `The scores of ${path} differ by up to ${largest.toPrecision(3)} from the published ones: another ` +
        'image, other weights, or another preparation.',
    );
  }
  print(`  largest difference ${largest.toExponential(1)}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

import { createHash } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { jsonText, replaceFile } from '../../adapters/models/install-model.js';
import { loadModel, type LoadedModel } from '../../adapters/models/load-model.js';
import { createClassifierSession } from '../../adapters/onnx/classifier-session.js';
import { computeSelfTest } from '../../adapters/onnx/self-test.js';
import { PipelineError } from '../../core/errors.js';
import { MAX_AUROC_DIFFERENCE } from '../../core/inference/choose-weights.js';
import { modelManifestSchema, type ModelManifest } from '../../core/inference/model-manifest.js';
import { calibrationImages, imagesUnder } from './calibration-images.js';
import { compareAuroc } from './compare-auroc.js';
import { say, type ModelsFolder } from './models-folder.js';
import { searchInt8 } from './search-int8.js';
import { speedRatio } from './speed-ratio.js';

export interface QuantiseFlags {
  /** Folder of images like the ones that the model is for. */
  readonly calibration: string;
  readonly labels?: string;
  readonly images: number;
  readonly keep: readonly string[];
  /** dB of signal over noise of the logits; below it sensitive layers are kept in fp32. */
  readonly target: number;
}

/** Another processor rounds an intermediate value the other way now and then: a step of one in 255. */
const SELF_TEST_TOLERANCE = 0.05;

/**
 * `preread models quantise`: an int8 form beside the fp32 one. The manifest gets it as a variant with the
 * AUROC difference on labelled images; without labels it is used only on demand.
 */
export async function quantiseModel(
  name: string,
  { searchPath }: ModelsFolder,
  flags: QuantiseFlags,
): Promise<void> {
  const model = await loadModel(name, searchPath);
  const paths = await imagesUnder(flags.calibration);
  // Half as many again, to measure on what was not calibrated on.
  const images = await calibrationImages(paths, model.manifest, Math.ceil(flags.images * 1.5));
  const calibration = images.filter((_, index) => index % 3 !== 2);
  const check = images.filter((_, index) => index % 3 === 2);
  if (calibration.length === 0 || check.length === 0) {
    throw new PipelineError('file-unreadable', `${flags.calibration} has too few images.`);
  }
  say(`Calibrating on ${calibration.length} images, measuring on ${check.length} others.`);
  const best = await searchInt8(model, {
    calibration,
    check,
    keep: flags.keep,
    target: flags.target,
  });
  const kept = best.kept.length === 0 ? '' : `, in fp32: ${best.kept.join(', ')}`;
  say(
    `int8: ${(best.onnx.length / 1e6).toFixed(1)} MB, logits ${best.signalDb.toFixed(1)} dB${kept}.`,
  );
  const ratio = await speedRatio(model, best.onnx, check);
  say(`int8 is ${ratio.toFixed(2)} times as fast as fp32 here, on one core.`);

  const aurocDifference =
    flags.labels === undefined
      ? undefined
      : await compareAuroc(model, best.onnx, { labels: flags.labels, paths });
  if (aurocDifference !== undefined) {
    const { largest, mean, images: count } = aurocDifference;
    say(`AUROC differs by ${mean} on average and ${largest} at most, on ${count} images.`);
  }
  await writeVariant(model, best.onnx, aurocDifference);
  say(
    (aurocDifference?.largest ?? Infinity) <= MAX_AUROC_DIFFERENCE
      ? 'It is used by default on processors that are fast at int8.'
      : 'It is used on demand only, with PREREAD_PRECISION=int8.',
  );
}

type Variant = NonNullable<ModelManifest['variants']>[number];

/** The weights and their self-test first, then the manifest that names them. */
async function writeVariant(
  { folder, manifest }: LoadedModel,
  onnx: Buffer,
  aurocDifference: Variant['aurocDifference'],
): Promise<void> {
  const sha256 = createHash('sha256').update(onnx).digest('hex');
  const stem = `${manifest.version}/int8-${sha256.slice(0, 8)}`;
  const session = await createClassifierSession({ bytes: onnx, manifest, provider: 'cpu' });
  const selfTest = await computeSelfTest(session, manifest, SELF_TEST_TOLERANCE);
  await session.release();
  const variant: Variant = {
    precision: 'int8',
    file: { path: `${stem}.onnx`, sha256, sizeBytes: onnx.length },
    selfTest: `${stem}.self-test.json`,
    ...(aurocDifference && { aurocDifference }),
  };
  const changed = modelManifestSchema.parse({ ...manifest, variants: [variant] });
  await mkdir(dirname(join(folder, variant.file.path)), { recursive: true });
  await writeFile(join(folder, variant.file.path), onnx);
  await replaceFile(join(folder, `${stem}.self-test.json`), jsonText(selfTest));
  await replaceFile(join(folder, 'manifest.json'), jsonText(changed));
  for (const old of manifest.variants ?? []) {
    if (old.file.path !== variant.file.path) {
      await rm(join(folder, old.file.path), { force: true });
      await rm(join(folder, old.selfTest ?? old.file.path), { force: true });
    }
  }
}

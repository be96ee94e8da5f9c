import type { InstanceHeader, InstanceIdentity } from '../../core/dicom/instance-header.js';
import { PipelineError } from '../../core/errors.js';
import type { GateResult } from '../../core/gating/gate.js';
import type { GatePolicy } from '../../core/gating/gate-policy.js';
import { DEFAULT_GATE_POLICY } from '../../core/gating/gate-policy.js';
import { runHeaderGates, runPixelHeaderGates } from '../../core/gating/header-gates.js';
import type { DecodeMode } from '../../core/imaging/decode-mode.js';
import type { ImageRows } from '../../core/imaging/image-rows.js';
import { rowsOf } from '../../core/imaging/image-rows.js';
import type {
  ImageSource,
  PreparedImage,
  UnanalysedImage,
} from '../../core/inference/image-classifier.js';
import { renderPicture } from '../../core/imaging/render-picture.js';
import { getRecipe, recipeCrop } from '../../core/inference/recipes/recipe.js';
import { runSiteRules, siteBySiteRules, type SiteRules } from '../../core/rules/site-rules.js';
import { notAnalysedReasonOf } from '../../core/results/not-analysed-reason.js';
import { NOT_ANALYSED } from '../../core/results/outcome.js';
import { createAttributeReader } from './attribute-reader.js';
import { openImageFile } from './image-file.js';
import type { ImageFile } from './image-file.js';
import { identityOf, readInstanceHeader } from './instance-header.js';
import { isImageFile, readImageFile } from './read-image-file.js';
import { FIRST_BYTES, locateRows, readToPixelData } from './read-rows.js';

export interface ImageLimits {
  /** Larger images are refused before anything is allocated for them. */
  readonly maxPixels: number;
  /** Larger files are refused before they are read. */
  readonly maxFileBytes: number;
  /** A deflated object may not grow beyond this. */
  readonly maxInflatedBytes: number;
}

/** The largest detectors have 4300 x 4300 pixels; a file of 100 megapixels is no radiograph. */
export const DEFAULT_IMAGE_LIMITS: ImageLimits = {
  maxPixels: 100e6,
  maxFileBytes: 512 * 1024 * 1024,
  maxInflatedBytes: 512 * 1024 * 1024,
};

export interface PrepareOptions {
  /** Name and version of the preprocessing recipe. */
  readonly recipe: string;
  readonly inputSize: {
    readonly channels: number;
    readonly width: number;
    readonly height: number;
  };
  readonly gatePolicy?: GatePolicy | undefined;
  readonly siteRules?: SiteRules | undefined;
  readonly limits?: ImageLimits | undefined;
  /** Adds the image as a picture whose longer side has at most so many pixels. */
  readonly pictureSide?: number | undefined;
  /** Where the tensor is written; new memory when absent. Of an image that is not ready the content is undefined. */
  readonly tensor?: Float32Array | undefined;
  /** `full`: every image is decoded whole and resampled exactly, as the recipes' references do. Default: `fast`. */
  readonly decode?: DecodeMode | undefined;
}

/**
 * Reduced images keep at least so many times the pixels of the input along an axis. Chosen so that scores move by
 * less than 0.005: docs/pixels.md has the measurements.
 */
const FAST_MARGIN = 1.8;

/** What is known of an image when it turns out that it will not be analysed. */
interface Progress {
  gates: GateResult[];
  identity?: InstanceIdentity;
  site?: string;
}

/**
 * A whole image, from its file to the network's input: read, gate, decode, preprocess. DICOM with or
 * without preamble, PNG and JPEG, told apart by their bytes.
 *
 * What cannot be analysed is a value with its reason; only faults of the set-up (`recipe-unknown`) and
 * bugs are thrown. Runs where it can be killed: decoders may hang.
 */
export async function prepareImage(
  source: ImageSource,
  options: PrepareOptions,
): Promise<PreparedImage> {
  const recipe = getRecipe(options.recipe);
  const { channels, width, height } = options.inputSize;
  if (width !== height) {
    throw new PipelineError('model-manifest-invalid', 'Recipes deliver square inputs only.');
  }
  const limits = options.limits ?? DEFAULT_IMAGE_LIMITS;
  const progress: Progress = { gates: [] };
  let file: ImageFile | undefined;
  let rows: ImageRows | undefined;
  try {
    const startMs = performance.now();
    file = openImageFile(source.path, limits.maxFileBytes);
    const start = file.readStart(FIRST_BYTES);
    const readMs = performance.now() - startMs;
    const image = isImageFile(start)
      ? await fromImageFile(file, limits, options, progress)
      : await fromDicom(file, limits, options, progress);
    if ('kind' in image) {
      return image;
    }
    const decodedMs = performance.now();
    rows = options.decode === 'full' ? { ...image, exact: true } : image;
    const tensor = options.tensor ?? new Float32Array(channels * width * height);
    recipe(rows, width, tensor.subarray(0, width * height));
    repeatPlane(tensor, width * height);
    return {
      kind: 'ready',
      tensor,
      ...(options.pictureSide !== undefined && {
        picture: renderPicture(image, recipeCrop(options.recipe)(image), options.pictureSide),
      }),
      ...progress,
      readMs,
      decodeMs: decodedMs - startMs - readMs,
      preprocessMs: performance.now() - decodedMs,
    };
  } catch (error) {
    const reason = error instanceof PipelineError ? notAnalysedReasonOf(error.code) : undefined;
    if (reason === undefined || !(error instanceof PipelineError)) {
      throw error;
    }
    return { kind: 'not-analysed', reason, detail: error.message, ...progress };
  } finally {
    rows?.release?.();
    file?.close();
  }
}

async function fromDicom(
  file: ImageFile,
  limits: ImageLimits,
  options: PrepareOptions,
  progress: Progress,
): Promise<ImageRows | UnanalysedImage> {
  const policy = options.gatePolicy ?? DEFAULT_GATE_POLICY;
  const parsed = readToPixelData(file, limits.maxInflatedBytes);
  const { dataSet, TransferSyntaxUID } = parsed;
  const header = readInstanceHeader(dataSet, TransferSyntaxUID);
  const identity = wholeIdentity(header);
  if (identity !== undefined) {
    progress.identity = identity;
  }
  const rules = options.siteRules ?? [];
  const readAttribute = createAttributeReader(dataSet, TransferSyntaxUID);
  const site = siteBySiteRules(rules, readAttribute);
  if (site !== undefined) {
    progress.site = site;
  }
  const { gates, allowed } = runSiteRules(rules, readAttribute);
  const byHeader =
    refusalOf(progress, gates) ?? refusalOf(progress, runHeaderGates(header, policy, allowed));
  if (byHeader !== undefined) {
    return byHeader;
  }
  const { pixels, open } = locateRows(file, parsed);
  const byPixelHeader = refusalOf(progress, runPixelHeaderGates(pixels, policy));
  return (
    byPixelHeader ??
    open({
      maxPixels: limits.maxPixels,
      ...(options.decode !== 'full' && { targetSize: FAST_MARGIN * options.inputSize.width }),
    })
  );
}

async function fromImageFile(
  file: ImageFile,
  limits: ImageLimits,
  options: PrepareOptions,
  progress: Progress,
): Promise<ImageRows | UnanalysedImage> {
  const image = await readImageFile(file.readStart(file.sizeBytes), limits.maxPixels);
  const gates: GateResult[] = [
    ...runSiteRules(options.siteRules ?? [], () => []).gates,
    {
      gate: 'file-format',
      verdict: 'warn',
      detail: 'A picture without a DICOM header: body part, view and age are unconfirmed.',
    },
  ];
  if (image.fromColour) {
    gates.push({
      gate: 'colour',
      verdict: 'warn',
      detail: 'A colour image, analysed by its luminance.',
    });
  }
  gates.push(...runPixelHeaderGates(image.header, options.gatePolicy ?? DEFAULT_GATE_POLICY));
  return refusalOf(progress, gates) ?? rowsOf(image);
}

/** Notes the results; the outcome of the image when one of them is a refusal. */
function refusalOf(
  progress: Progress,
  results: readonly GateResult[],
): UnanalysedImage | undefined {
  progress.gates.push(...results);
  const refusal = results.find(({ verdict }) => verdict === 'refuse');
  return (
    refusal?.reason && {
      kind: 'not-analysed',
      reason: refusal.reason,
      detail: refusal.detail ?? NOT_ANALYSED[refusal.reason],
      ...progress,
    }
  );
}

/** Files from a disk may lack UIDs, or have invalid ones; they are analysed all the same. */
function wholeIdentity(header: InstanceHeader): InstanceIdentity | undefined {
  try {
    return identityOf(header);
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'attribute-missing') {
      return undefined;
    }
    throw error;
  }
}

/** The first channel to all others. */
function repeatPlane(tensor: Float32Array, length: number): void {
  for (let at = length; at < tensor.length; at += length) {
    tensor.copyWithin(at, 0, length);
  }
}

import type { InstanceHeader, InstanceIdentity } from '../../core/dicom/instance-header.js';
import { PipelineError } from '../../core/errors.js';
import type { GateResult } from '../../core/gating/gate.js';
import type { GatePolicy } from '../../core/gating/gate-policy.js';
import { DEFAULT_GATE_POLICY } from '../../core/gating/gate-policy.js';
import { runHeaderGates, runPixelHeaderGates } from '../../core/gating/header-gates.js';
import type { DecodedImage } from '../../core/imaging/decoded-image.js';
import type {
  ImageSource,
  PreparedImage,
  UnanalysedImage,
} from '../../core/inference/image-classifier.js';
import { getRecipe } from '../../core/inference/recipes/recipe.js';
import { runSiteRules, type SiteRules } from '../../core/rules/site-rules.js';
import { notAnalysedReasonOf } from '../../core/results/not-analysed-reason.js';
import { NOT_ANALYSED } from '../../core/results/outcome.js';
import { decodeFrame } from './decode-frame.js';
import { hasPrefix } from './file-meta.js';
import { identityOf } from './instance-header.js';
import { readDicomHeader } from './read-dicom.js';
import { isImageFile, readImageFile } from './read-image-file.js';
import { readWholeFile } from './read-whole-file.js';

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
}

/** What is known of an image when it turns out that it will not be analysed. */
interface Progress {
  gates: GateResult[];
  identity?: InstanceIdentity;
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
  try {
    const startMs = performance.now();
    const bytes = await readWholeFile(source.path, limits.maxFileBytes);
    const readMs = performance.now() - startMs;
    const image = isImageFile(bytes)
      ? await fromImageFile(bytes, limits, options, progress)
      : await fromDicom(bytes, limits, options, progress);
    if ('kind' in image) {
      return image;
    }
    const decodedMs = performance.now();
    const plane = recipe(image, width);
    const tensor = channels === 1 ? plane : repeat(plane, channels);
    return {
      kind: 'ready',
      tensor,
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
  }
}

async function fromDicom(
  bytes: Uint8Array,
  limits: ImageLimits,
  options: PrepareOptions,
  progress: Progress,
): Promise<DecodedImage | UnanalysedImage> {
  const policy = options.gatePolicy ?? DEFAULT_GATE_POLICY;
  const object = readDicomHeader(bytes, {
    bare: !hasPrefix(bytes),
    maxInflatedBytes: limits.maxInflatedBytes,
  });
  const { header } = object;
  const identity = wholeIdentity(header);
  if (identity !== undefined) {
    progress.identity = identity;
  }
  const { gates, allowed } = runSiteRules(options.siteRules ?? [], object.readAttribute);
  const byHeader =
    refusalOf(progress, gates) ?? refusalOf(progress, runHeaderGates(header, policy, allowed));
  if (byHeader !== undefined) {
    return byHeader;
  }
  const { pixels, pixelData } = object.readPixels();
  const byPixelHeader = refusalOf(progress, runPixelHeaderGates(pixels, policy));
  if (byPixelHeader !== undefined) {
    return byPixelHeader;
  }
  const encoded = { TransferSyntaxUID: header.TransferSyntaxUID, pixels, pixelData };
  return decodeFrame(encoded, 0, { maxPixels: limits.maxPixels });
}

async function fromImageFile(
  bytes: Uint8Array,
  limits: ImageLimits,
  options: PrepareOptions,
  progress: Progress,
): Promise<DecodedImage | UnanalysedImage> {
  const image = await readImageFile(bytes, limits.maxPixels);
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
  return refusalOf(progress, gates) ?? image;
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

function repeat(plane: Float32Array, channels: number): Float32Array {
  const tensor = new Float32Array(channels * plane.length);
  for (let channel = 0; channel < channels; channel += 1) {
    tensor.set(plane, channel * plane.length);
  }
  return tensor;
}

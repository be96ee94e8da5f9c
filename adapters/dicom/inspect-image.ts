import type { InstanceHeader, PixelHeader } from '../../core/dicom/instance-header.js';
import { ACCEPTED_SOP_CLASSES, isAcceptedSopClass } from '../../core/dicom/sop-classes.js';
import { isTransferSyntax, TRANSFER_SYNTAXES } from '../../core/dicom/transfer-syntaxes.js';
import { PipelineError } from '../../core/errors.js';
import { bodyPartOf } from '../../core/gating/body-part.js';
import { DEFAULT_GATE_POLICY } from '../../core/gating/gate-policy.js';
import { invertedTensor, runPixelGates } from '../../core/gating/pixel-gates.js';
import { explainSiteRules, type ExplainedRule } from '../../core/rules/site-rules.js';
import { viewOf } from '../../core/gating/view.js';
import type { ViewFinding } from '../../core/gating/view.js';
import { chainReport } from '../../core/imaging/chain-steps.js';
import type { ChainReport } from '../../core/imaging/chain-steps.js';
import type { DecodedImage } from '../../core/imaging/decoded-image.js';
import type { ImageSource, PreparedImage } from '../../core/inference/image-classifier.js';
import { NOT_ANALYSED } from '../../core/results/outcome.js';
import { decodeFrame } from './decode-frame.js';
import { hasPrefix } from './file-meta.js';
import { openImageFile } from './image-file.js';
import { DEFAULT_IMAGE_LIMITS, prepareImage } from './prepare-image.js';
import type { ImageLimits, PrepareOptions } from './prepare-image.js';
import { readDicomHeader } from './read-dicom.js';
import { isImageFile, readImageFile } from './read-image-file.js';

/** What the pipeline sees in a file, with no patient's name, id or UID in it. */
export interface InspectionReport {
  readonly format: 'DICOM' | 'DICOM without preamble' | 'PNG or JPEG' | 'unreadable';
  readonly fileBytes: number;
  /** Attributes that gates read, and what they conclude from them; absent for pictures. */
  readonly header?: HeaderFacts;
  readonly pixels?: PixelFacts;
  readonly chain?: ChainReport;
  /** Every rule of the site, what it made of the object and why; absent without rules. */
  readonly rules?: readonly ExplainedRule[];
  /** Why the report stops where it does, when the file cannot be read or decoded. */
  readonly problem?: { readonly code: string; readonly detail: string };
  /** What the pipeline makes of it: the network's input after the gates by pixels, or why not. */
  readonly prepared: PreparedImage;
}

export interface InspectOptions extends PrepareOptions {
  /** Values that the recipe delivers: the manifest's input range. */
  readonly range: readonly [number, number];
}

interface HeaderFacts {
  readonly sopClass: string;
  readonly transferSyntax: string;
  readonly Modality: string | undefined;
  readonly BodyPartExamined: string | undefined;
  readonly bodyPart: string;
  readonly ViewPosition: string | undefined;
  readonly ViewCodes: readonly string[];
  readonly PatientOrientation: readonly string[];
  readonly view: ViewFinding;
  readonly ImageType: readonly string[];
  readonly PresentationIntentType: string | undefined;
  readonly ageYears: number | undefined;
}

/** The chain's report describes the tables. */
type PixelFacts = Omit<PixelHeader, 'modalityLut' | 'voiLut' | 'paletteLuminance'>;

/**
 * The tool with which an integrator finds out why: every step is tried even where a gate refuses the image.
 * The model does not run, so the one gate that is an output of it is missing.
 * Throws only what `prepareImage` throws, and `file-unreadable`.
 */
export async function inspectImage(
  source: ImageSource,
  options: InspectOptions,
): Promise<InspectionReport> {
  const limits = options.limits ?? DEFAULT_IMAGE_LIMITS;
  const file = openImageFile(source.path, limits.maxFileBytes);
  try {
    const bytes = file.readStart(file.sizeBytes);
    return await inspectBytes(bytes, source, limits, options);
  } finally {
    file.close();
  }
}

async function inspectBytes(
  bytes: Uint8Array,
  source: ImageSource,
  limits: ImageLimits,
  options: InspectOptions,
): Promise<InspectionReport> {
  const rules = options.siteRules ?? [];
  const prepared = throughPixelGates(await prepareImage(source, options), options);
  const report: { -readonly [K in keyof InspectionReport]: InspectionReport[K] } = {
    format: 'unreadable',
    fileBytes: bytes.length,
    prepared,
  };
  try {
    let image: DecodedImage;
    if (isImageFile(bytes)) {
      report.format = 'PNG or JPEG';
      if (rules.length > 0) {
        report.rules = explainSiteRules(rules, () => []);
      }
      image = await readImageFile(bytes, limits.maxPixels);
      report.pixels = pixelFacts(image.header);
    } else {
      const bare = !hasPrefix(bytes);
      const object = readDicomHeader(bytes, { bare, maxInflatedBytes: limits.maxInflatedBytes });
      report.format = bare ? 'DICOM without preamble' : 'DICOM';
      report.header = headerFacts(object.header);
      if (rules.length > 0) {
        report.rules = explainSiteRules(rules, object.readAttribute);
      }
      const { pixels, pixelData } = object.readPixels();
      report.pixels = pixelFacts(pixels);
      const { TransferSyntaxUID } = object.header;
      image = await decodeFrame({ TransferSyntaxUID, pixels, pixelData }, 0, limits);
    }
    report.chain = chainReport(image);
  } catch (error) {
    if (!(error instanceof PipelineError)) {
      throw error;
    }
    report.problem = { code: error.code, detail: error.message };
  }
  return report;
}

/** What the classifier does between preparation and inference. */
function throughPixelGates(prepared: PreparedImage, options: InspectOptions): PreparedImage {
  if (prepared.kind !== 'ready') {
    return prepared;
  }
  const { tensor, identity } = prepared;
  const input = { size: options.inputSize.width, range: options.range };
  const byPixels = runPixelGates(tensor, input, options.gatePolicy ?? DEFAULT_GATE_POLICY);
  const gates = [...prepared.gates, ...byPixels.gates];
  const refusal = gates.find(({ verdict }) => verdict === 'refuse');
  if (refusal?.reason === undefined) {
    const shown = byPixels.invert ? invertedTensor(tensor, options.range) : tensor;
    return { ...prepared, gates, tensor: shown };
  }
  return {
    kind: 'not-analysed',
    reason: refusal.reason,
    detail: refusal.detail ?? NOT_ANALYSED[refusal.reason],
    gates,
    ...(identity && { identity }),
  };
}

function headerFacts(header: InstanceHeader): HeaderFacts {
  const sopClass: string = header.SOPClassUID ?? 'missing';
  const syntax: string = header.TransferSyntaxUID;
  return {
    sopClass: isAcceptedSopClass(sopClass) ? ACCEPTED_SOP_CLASSES[sopClass].keyword : sopClass,
    transferSyntax: isTransferSyntax(syntax) ? TRANSFER_SYNTAXES[syntax].keyword : syntax,
    Modality: header.Modality,
    BodyPartExamined: header.BodyPartExamined,
    bodyPart: bodyPartOf(header),
    ViewPosition: header.ViewPosition,
    ViewCodes: header.ViewCodes,
    PatientOrientation: header.PatientOrientation,
    view: viewOf(header),
    ImageType: header.ImageType,
    PresentationIntentType: header.PresentationIntentType,
    ageYears: header.ageYears,
  };
}

function pixelFacts(header: PixelHeader): PixelFacts {
  const facts: { -readonly [K in keyof PixelHeader]?: PixelHeader[K] } & PixelFacts = { ...header };
  delete facts.modalityLut;
  delete facts.voiLut;
  delete facts.paletteLuminance;
  return facts;
}

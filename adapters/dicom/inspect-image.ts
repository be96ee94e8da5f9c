import type { InstanceHeader, PixelHeader } from '../../core/dicom/instance-header.js';
import { ACCEPTED_SOP_CLASSES, isAcceptedSopClass } from '../../core/dicom/sop-classes.js';
import { isTransferSyntax, TRANSFER_SYNTAXES } from '../../core/dicom/transfer-syntaxes.js';
import { PipelineError } from '../../core/errors.js';
import { bodyPartOf } from '../../core/gating/body-part.js';
import { viewOf } from '../../core/gating/view.js';
import type { ViewFinding } from '../../core/gating/view.js';
import { chainReport } from '../../core/imaging/chain-steps.js';
import type { ChainReport } from '../../core/imaging/chain-steps.js';
import type { DecodedImage } from '../../core/imaging/decoded-image.js';
import type { ImageSource, PreparedImage } from '../../core/inference/image-classifier.js';
import { decodeFrame } from './decode-frame.js';
import { hasPrefix } from './file-meta.js';
import { DEFAULT_IMAGE_LIMITS, prepareImage } from './prepare-image.js';
import type { PrepareOptions } from './prepare-image.js';
import { readDicomHeader } from './read-dicom.js';
import { isImageFile, readImageFile } from './read-image-file.js';
import { readWholeFile } from './read-whole-file.js';

/** What the pipeline sees in a file, with no patient's name, id or UID in it. */
export interface InspectionReport {
  readonly format: 'DICOM' | 'DICOM without preamble' | 'PNG or JPEG' | 'unreadable';
  readonly fileBytes: number;
  /** Attributes that gates read, and what they conclude from them; absent for pictures. */
  readonly header?: HeaderFacts;
  readonly pixels?: PixelFacts;
  readonly chain?: ChainReport;
  /** Why the report stops where it does, when the file cannot be read or decoded. */
  readonly problem?: { readonly code: string; readonly detail: string };
  /** What the pipeline makes of it: the network's input, or why not. */
  readonly prepared: PreparedImage;
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
 * Throws only what `prepareImage` throws, and `file-unreadable`.
 */
export async function inspectImage(
  source: ImageSource,
  options: PrepareOptions,
): Promise<InspectionReport> {
  const limits = options.limits ?? DEFAULT_IMAGE_LIMITS;
  const bytes = await readWholeFile(source.path, limits.maxFileBytes);
  const prepared = await prepareImage(source, options);
  const report: { -readonly [K in keyof InspectionReport]: InspectionReport[K] } = {
    format: 'unreadable',
    fileBytes: bytes.length,
    prepared,
  };
  try {
    let image: DecodedImage;
    if (isImageFile(bytes)) {
      report.format = 'PNG or JPEG';
      image = await readImageFile(bytes, limits.maxPixels);
      report.pixels = pixelFacts(image.header);
    } else {
      const bare = !hasPrefix(bytes);
      const object = readDicomHeader(bytes, { bare, maxInflatedBytes: limits.maxInflatedBytes });
      report.format = bare ? 'DICOM without preamble' : 'DICOM';
      report.header = headerFacts(object.header);
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

import { z } from 'zod';

import { PipelineError } from '../errors.js';
import { calibrationSchema } from './calibration.js';
import type { ModelManifest } from './model-manifest.js';

const share = z.number().min(0).max(1);
const interval = z.tuple([z.number(), z.number()]).describe('95 % confidence interval.');
const shareWithInterval = z.strictObject({ value: share, interval });

const overlayFindingSchema = z
  .strictObject({
    threshold: z.number().gt(0).lt(1).describe('Raw probability from which it is flagged.'),
    calibration: calibrationSchema.optional(),
    basis: z
      .enum(['site', 'model'])
      .describe("Fitted on the site's own labels, or kept from the manifest."),
    reason: z.string().optional().describe('Why it was kept from the manifest.'),
    crossValidated: z
      .strictObject({
        positives: z.int().nonnegative(),
        negatives: z.int().nonnegative(),
        sensitivity: shareWithInterval,
        specificity: shareWithInterval,
        brierBefore: z.number(),
        brierAfter: z.number().optional(),
        ece10Before: z.number(),
        ece10After: z.number().optional(),
      })
      .optional()
      .describe('On patients that the threshold and the calibration were not fitted on.'),
  })
  .describe('Operating point and calibration of one finding at the site.');

/**
 * What a site lays over a model: operating points and calibrations fitted on its own labelled images. It is
 * bound to the weights by their SHA-256: with any other model nothing starts.
 */
export const modelOverlaySchema = z.strictObject({
  schemaVersion: z.literal(1),
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/),
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  model: z.strictObject({
    name: z.string(),
    version: z.string(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  }),
  criterion: z.string().describe('The rule that chose the operating points, fixed beforehand.'),
  calibrationMethod: z.enum(['platt', 'isotonic', 'none']),
  fittedOn: z.strictObject({
    images: z.int().nonnegative(),
    patients: z.int().nonnegative(),
    patientsKnown: z.boolean().describe('False: every image was counted as a patient.'),
    folds: z.int().positive(),
    seed: z.int().nonnegative(),
    labelsSha256: z.string().describe('Of the label file, to recognise it again.'),
    softwareVersion: z.string(),
  }),
  findings: z.record(z.string(), overlayFindingSchema),
});

export type ModelOverlay = z.infer<typeof modelOverlaySchema>;
export type OverlayFinding = ModelOverlay['findings'][string];

/** Names an overlay in the provenance of a result. */
export interface OverlayReference {
  readonly name: string;
  readonly version: string;
  /** Of the overlay's file. */
  readonly sha256: string;
}

/** A manifest as it is in use: its own, or with a site's overlay on it. */
export interface SiteManifest extends ModelManifest {
  readonly overlay?: OverlayReference;
}

/**
 * The manifest with the overlay's operating points and calibrations in place of its own. The set of
 * thresholds is named after the overlay. Throws `model-overlay-mismatch` when it was made for other weights or does
 * not cover every finding that is shown.
 */
export function applyOverlay(
  manifest: ModelManifest,
  overlay: ModelOverlay,
  reference: OverlayReference,
): SiteManifest {
  const { name, version, sha256 } = overlay.model;
  if (sha256 !== manifest.file.sha256) {
    throw new PipelineError(
      'model-overlay-mismatch',
      `The overlay ${overlay.name} was made for ${name}@${version} with the SHA-256 ${sha256}; ` +
        `${manifest.name}@${manifest.version} has ${manifest.file.sha256}. ` +
        'Make a new one with preread calibrate, or take the setting away.',
    );
  }
  const operatingPoint = `${overlay.name}@${overlay.version}`;
  const unknown = Object.keys(overlay.findings).filter(
    (key) => !manifest.findings.some((finding) => finding.key === key),
  );
  if (unknown.length > 0) {
    throw mismatch(`it names findings that the model does not have: ${unknown.join(', ')}`);
  }
  const findings = manifest.findings.map((finding) => {
    const site = Object.hasOwn(overlay.findings, finding.key)
      ? overlay.findings[finding.key]
      : undefined;
    if (site === undefined && finding.withheld === undefined) {
      throw mismatch(`it says nothing of the finding ${finding.key}`);
    }
    const threshold = site?.threshold ?? finding.thresholds[manifest.operatingPoint] ?? 0.5;
    const { calibration: ofModel, ...others } = finding;
    const calibration = site?.calibration ?? ofModel;
    return {
      ...others,
      ...(calibration !== undefined && { calibration }),
      thresholds: { ...finding.thresholds, [operatingPoint]: threshold },
    };
  });
  return { ...manifest, findings, operatingPoint, overlay: reference };
}

function mismatch(reason: string): PipelineError {
  return new PipelineError('model-overlay-mismatch', `The overlay does not fit: ${reason}.`);
}

/** How rows and reports name a model: `name@version`, and `+name@version` of the overlay behind it. */
export function modelText(model: {
  readonly name: string;
  readonly version: string;
  readonly overlay?: { readonly name: string; readonly version: string } | undefined;
}): string {
  const { name, version, overlay } = model;
  return `${name}@${version}${overlay === undefined ? '' : `+${overlay.name}@${overlay.version}`}`;
}

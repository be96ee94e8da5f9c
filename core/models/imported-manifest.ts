import type { ManifestFinding, ModelManifest } from '../inference/model-manifest.js';
import type { Catalogue, CatalogueModel } from './catalogue.js';

/** Name of the operating point of published thresholds. */
export const PUBLISHED = 'published';
/** Name of the operating point of a model whose thresholds are not known: a probability of one half. */
export const HALF = 'half';

/** What TorchXRayVision's networks were trained on. */
const TXRV_RANGE = [-1024, 1024] as const;

const INTENDED_USE =
  'Research and evaluation on frontal chest radiographs of adults, read by a radiologist in every case. ' +
  'Not a medical device; not for diagnosis or for ruling out disease.';

/** What a model folder says that does not depend on where the weights came from. */
export interface ConvertedWeights {
  readonly file: ModelManifest['file'];
  readonly channels: 1 | 3;
  /** Where the weights came from, with their SHA-256. */
  readonly origin: string;
}

/** The manifest of published weights; the thresholds are the authors' operating points. */
export function catalogueManifest(
  catalogue: Catalogue,
  name: string,
  model: CatalogueModel,
  converted: ConvertedWeights,
): ModelManifest {
  const findings = trainedOutputs(model).map(({ label, threshold }) =>
    findingOf(catalogue, label, { [PUBLISHED]: threshold }),
  );
  return {
    ...common(converted, catalogue.recipe, TXRV_RANGE, catalogue.inputSize),
    name,
    title: model.title,
    licence: catalogue.licence,
    source: `${catalogue.source}. ${catalogue.reference}. ${converted.origin}`,
    trainingData: model.trainingData,
    limitations: [
      'Not measured on the patients of this site. The thresholds are those that the authors published.',
      'Labels of the training sets were mined from reports.',
      'Probabilities are not calibrated.',
    ],
    operatingPoint: PUBLISHED,
    findings,
  };
}

export interface OwnModel {
  readonly name: string;
  /** In the classifier's order; an empty text is an output that is left out. */
  readonly labels: readonly string[];
  readonly recipe: string;
  /** Values that the recipe delivers. */
  readonly range: readonly [number, number];
  readonly size: number;
}

/** The manifest of somebody's own weights, to be completed by hand. */
export function ownManifest(
  catalogue: Catalogue,
  { name, labels, recipe, range, size }: OwnModel,
  converted: ConvertedWeights,
): ModelManifest {
  return {
    ...common(converted, recipe, range, size),
    name,
    title: name,
    licence: 'LicenseRef-unknown',
    source: converted.origin,
    trainingData: ['not stated'],
    limitations: [
      'Nothing is known of this model but its weights: complete the manifest before using it.',
      'The thresholds are placeholders of 0.5.',
    ],
    operatingPoint: HALF,
    findings: labels
      .filter((label) => label !== '')
      .map((label) => findingOf(catalogue, label, { [HALF]: 0.5 })),
  };
}

/** Rows of the classifier that have a name. */
export function trainedRows(labels: readonly (string | null | undefined)[]): number[] {
  return labels.flatMap((label, row) => (label ? [row] : []));
}

export function trainedOutputs({
  outputs,
}: CatalogueModel): { label: string; threshold: number }[] {
  return outputs.flatMap((output) => output ?? []);
}

function common(
  { file, channels }: ConvertedWeights,
  recipe: string,
  range: readonly [number, number],
  size: number,
): Pick<ModelManifest, 'schemaVersion' | 'version' | 'intendedUse' | 'file' | 'input' | 'outputs'> {
  return {
    schemaVersion: 1,
    version: '1.0.0',
    intendedUse: INTENDED_USE,
    file,
    input: {
      name: 'image',
      layout: 'NCHW',
      channels,
      height: size,
      width: size,
      range: [...range],
      recipe,
    },
    outputs: { logits: 'logits', cams: 'cams' },
  };
}

function findingOf(
  { findings }: Catalogue,
  key: string,
  thresholds: Record<string, number>,
): ManifestFinding {
  const known = Object.hasOwn(findings, key) ? findings[key] : undefined;
  const terms = known ?? {
    display: { en: key.replaceAll('_', ' '), vi: key.replaceAll('_', ' ') },
    codes: [{ system: '99PREREAD' as const, code: localCode(key), display: key.slice(0, 64) }],
    priority: 'routine' as const,
  };
  return { key, ...terms, thresholds };
}

/** A code value of at most 16 characters (VR SH). */
function localCode(key: string): string {
  return key
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_')
    .slice(0, 16);
}

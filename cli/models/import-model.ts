import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';

import { installModel } from '../../adapters/models/install-model.js';
import { readCatalogue } from '../../adapters/models/read-catalogue.js';
import { softwareVersion } from '../../adapters/process/package-info.js';
import { PipelineError } from '../../core/errors.js';
import { recipeRange } from '../../core/inference/recipes/recipe.js';
import {
  findInCatalogue,
  type Catalogue,
  type CatalogueModel,
} from '../../core/models/catalogue.js';
import { catalogueManifest, ownManifest } from '../../core/models/imported-manifest.js';
import { convertCheckpoint } from './convert-checkpoint.js';
import { say, writableModelsFolder, type ModelsFolder } from './models-folder.js';

export interface ImportFlags {
  /** Name in the catalogue. */
  readonly as?: string;
  readonly labels?: readonly string[];
  readonly name?: string;
  readonly recipe: string;
  readonly size: number;
  readonly force: boolean;
}

/** `preread models import`: a checkpoint that was brought by hand. Returns the model's name. */
export async function importModel(
  path: string,
  { modelsDir }: ModelsFolder,
  flags: ImportFlags,
): Promise<string> {
  await writableModelsFolder(modelsDir);
  const checkpoint = await readFile(path).catch((cause: unknown) => {
    throw new PipelineError('file-unreadable', `${path} cannot be read.`, { cause });
  });
  const catalogue = await readCatalogue();
  const file = basename(path);
  if (flags.labels !== undefined) {
    return importOwn({ checkpoint, catalogue, modelsDir, file }, flags, flags.labels);
  }
  const found = flags.as === undefined ? byFileName(catalogue, file) : named(catalogue, flags.as);
  const { name, model } = found;
  say(identified(catalogue, name, checkpoint));
  return installCatalogueModel(
    { catalogue, name, model, checkpoint, origin: `Imported from ${file}`, modelsDir },
    flags,
  );
}

export interface CatalogueInstallation {
  readonly catalogue: Catalogue;
  readonly name: string;
  readonly model: CatalogueModel;
  readonly checkpoint: Buffer;
  readonly origin: string;
  readonly modelsDir: string;
}

/** Converts and installs published weights under their name in the catalogue. */
export async function installCatalogueModel(
  { catalogue, name, model, checkpoint, origin, modelsDir }: CatalogueInstallation,
  { force }: Pick<ImportFlags, 'force'>,
): Promise<string> {
  const files = await convertCheckpoint({
    checkpoint,
    labels: model.outputs.map((output) => output?.label ?? null),
    size: catalogue.inputSize,
    origin: `${origin}, converted by preread ${softwareVersion}`,
    manifest: (converted) => catalogueManifest(catalogue, name, model, converted),
  });
  const folder = await installModel(modelsDir, files, { replace: force });
  say(`Installed ${name} with ${files.manifest.findings.length} findings in ${folder}.`);
  return name;
}

interface OwnInstallation {
  readonly checkpoint: Buffer;
  readonly catalogue: Catalogue;
  readonly modelsDir: string;
  readonly file: string;
}

async function importOwn(
  { checkpoint, catalogue, modelsDir, file }: OwnInstallation,
  { name, recipe, size, force }: ImportFlags,
  labels: readonly string[],
): Promise<string> {
  if (name === undefined) {
    throw new PipelineError('config-invalid', '--labels needs --name, the name of the new model.');
  }
  const range = recipeRange(recipe);
  const files = await convertCheckpoint({
    checkpoint,
    labels,
    size,
    origin: `Imported from ${file} by preread ${softwareVersion}`,
    manifest: (converted) =>
      ownManifest(catalogue, { name, labels, recipe, range, size }, converted),
  });
  const folder = await installModel(modelsDir, files, { replace: force });
  say(`Installed ${name} in ${folder}. Its thresholds are placeholders: complete manifest.json.`);
  return name;
}

/** What the published hashes say of a file; throws `config-invalid` when they say that it is another model's. */
function identified(catalogue: Catalogue, name: string, checkpoint: Buffer): string {
  const sha256 = createHash('sha256').update(checkpoint).digest('hex');
  for (const [other, { copies }] of Object.entries(catalogue.models)) {
    if (copies.some((copy) => copy.sha256 === sha256)) {
      if (other === name) {
        return `SHA-256 ${sha256}, as published.`;
      }
      throw new PipelineError(
        'config-invalid',
        `The file is ${other}, not ${name}: --as ${other}.`,
      );
    }
  }
  return `SHA-256 ${sha256}, which is not among the published ones: nothing proves that the file is ${name}.`;
}

/** The published files have long names of their own, by which a download by hand is known. */
function byFileName(catalogue: Catalogue, file: string): { name: string; model: CatalogueModel } {
  for (const [name, model] of Object.entries(catalogue.models)) {
    if (basename(new URL(model.url).pathname) === file) {
      return { name, model };
    }
  }
  throw new PipelineError(
    'config-invalid',
    `${file} is not the name of published weights. Say which ones they are (--as all), or, for your own ` +
      'DenseNet, name it and its outputs (--name my-model --labels Effusion,Nodule).',
  );
}

/** Throws `model-not-found` with the names that there are. */
export function named(
  catalogue: Catalogue,
  text: string,
): { readonly name: string; readonly model: CatalogueModel } {
  const found = findInCatalogue(catalogue, text);
  if (found === undefined) {
    const names = Object.keys(catalogue.models).join(', ');
    throw new PipelineError('model-not-found', `The catalogue has no "${text}", only ${names}.`);
  }
  return found;
}

import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';

import { PipelineError } from '../../../core/errors.js';
import { heatMapOn } from '../../../core/inference/heat-map.js';
import { modelText, type SiteManifest } from '../../../core/inference/model-overlay.js';
import { scoreFindings } from '../../../core/inference/score-findings.js';
import type { ScoredFile } from '../score-in-order.js';

/** `000012-Effusion.png`: the twelfth row of the scores. Says nothing of the file or the patient. */
const OWN_FILE = /^\d{6,}-[\w-]+\.png$/;

export interface HeatMapFolderOptions {
  readonly folder: string;
  readonly inputs: readonly string[];
  readonly resume: boolean;
  readonly force: boolean;
}

/**
 * Makes the folder ready. Throws `request-invalid` when it holds heat maps of another run, or lies
 * inside what is scored: the next run would score the maps.
 */
export async function prepareHeatMapFolder(options: HeatMapFolderOptions): Promise<void> {
  const { folder, inputs, resume, force } = options;
  for (const input of inputs) {
    const isFolder = await stat(input).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (isFolder && !relative(resolve(input), resolve(folder)).startsWith('..')) {
      throw new PipelineError(
        'request-invalid',
        `The heat maps must lie outside of ${input}, which is scored.`,
      );
    }
  }
  if (existsSync(folder) && !resume) {
    const old = (await readdir(folder)).filter((name) => OWN_FILE.test(name));
    if (old.length > 0 && !force) {
      throw new PipelineError(
        'request-invalid',
        `${folder} holds heat maps: go on with --resume, or overwrite them with --force.`,
      );
    }
    for (const name of old) {
      await rm(join(folder, name));
    }
  }
  await mkdir(folder, { recursive: true });
}

/**
 * Writes a picture for each flagged finding of a row, before the row itself: a run that is resumed
 * begins with the row whose pictures may be missing.
 *
 * @param row from 1, in the order of the output
 */
export async function writeHeatMaps(
  folder: string,
  manifest: SiteManifest,
  row: number,
  { classification }: ScoredFile,
): Promise<void> {
  if (classification.kind !== 'scored') {
    return;
  }
  const { logits, cams, picture } = classification;
  if (cams === undefined || picture === undefined) {
    return;
  }
  // Runs without maps have their first row sooner without the image library.
  const { drawHeatMap } = await import('./draw-heat-map.js');
  for (const finding of scoreFindings(manifest, logits)) {
    if (!finding.flagged) {
      continue;
    }
    const at = manifest.findings.findIndex(({ key }) => key === finding.key);
    const png = await drawHeatMap(picture, heatMapOn(picture, cams, at), {
      finding: finding.display.en,
      probability: finding.probability,
      threshold: finding.threshold,
      model: modelText(manifest),
    });
    const name = `${String(row).padStart(6, '0')}-${finding.key.replaceAll(' ', '-')}.png`;
    const path = join(folder, name);
    await writeFile(`${path}.tmp`, png);
    await rename(`${path}.tmp`, path);
  }
}

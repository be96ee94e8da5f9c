import {
  applyOverlay,
  type ModelOverlay,
  type SiteManifest,
} from '../../core/inference/model-overlay.js';
import { readModelFolder } from './load-model.js';
import { loadOverlay } from './load-overlay.js';

export interface SiteModel {
  readonly folder: string;
  readonly manifest: SiteManifest;
  readonly overlay: ModelOverlay | undefined;
}

/**
 * A model's manifest with the site's overlay on it, if there is one. Throws what `readModelFolder` throws,
 * `model-overlay-invalid`, and `model-overlay-mismatch` when the overlay was made for other weights.
 */
export async function readSiteModel(
  nameOrFolder: string,
  searchPath: readonly string[],
  overlayPath: string | undefined,
): Promise<SiteModel> {
  const { folder, manifest } = await readModelFolder(nameOrFolder, searchPath);
  if (overlayPath === undefined) {
    return { folder, manifest, overlay: undefined };
  }
  const { overlay, reference } = await loadOverlay(overlayPath);
  return { folder, manifest: applyOverlay(manifest, overlay, reference), overlay };
}

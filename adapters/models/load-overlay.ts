import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { z } from 'zod';

import { PipelineError } from '../../core/errors.js';
import {
  modelOverlaySchema,
  type ModelOverlay,
  type OverlayReference,
} from '../../core/inference/model-overlay.js';

export interface LoadedOverlay {
  readonly overlay: ModelOverlay;
  readonly reference: OverlayReference;
}

/** Reads a site's overlay. Throws `model-overlay-invalid`, naming the field. */
export async function loadOverlay(path: string): Promise<LoadedOverlay> {
  let bytes: Buffer;
  let json: unknown;
  try {
    bytes = await readFile(path);
    json = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? 'is not JSON' : 'cannot be read';
    throw new PipelineError('model-overlay-invalid', `The overlay ${path} ${reason}.`, { cause });
  }
  const parsed = modelOverlaySchema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) => `${z.core.toDotPath(issue.path) || 'the document'}: ${issue.message}`,
    );
    throw new PipelineError('model-overlay-invalid', `${path}: ${problems.join('; ')}`, {
      cause: parsed.error,
    });
  }
  const overlay = parsed.data;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { overlay, reference: { name: overlay.name, version: overlay.version, sha256 } };
}

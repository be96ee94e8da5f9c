import { readFile } from 'node:fs/promises';

import { z } from 'zod';

import { PipelineError } from '../../core/errors.js';

/** A JSON file of a model. Throws `model-manifest-invalid` with every problem at its field. */
export async function readJson<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? `is not JSON: ${cause.message}` : 'is unreadable';
    throw new PipelineError('model-manifest-invalid', `${path} ${reason}`, { cause });
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    throw new PipelineError('model-manifest-invalid', `${path}: ${describe(parsed.error)}`, {
      cause: parsed.error,
    });
  }
  return parsed.data;
}

/** Every problem with the field that it is at, such as `findings[3].thresholds: ...`. */
function describe(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => `${z.core.toDotPath(path) || 'the document'}: ${message}`)
    .join('; ');
}

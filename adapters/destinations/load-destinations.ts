import { readFileSync } from 'node:fs';

import { LineCounter, isNode, parseDocument } from 'yaml';
import type { z } from 'zod';

import { destinationsSchema, type Destination } from '../../core/delivery/destination.js';
import { PipelineError } from '../../core/errors.js';

/**
 * The destinations of a YAML or JSON file (JSON is YAML).
 *
 * @throws PipelineError `config-invalid` with every problem, its field and its line
 */
export function loadDestinations(path: string, secret: z.ZodType<string>): readonly Destination[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new PipelineError('config-invalid', `The destinations file ${path} cannot be read.`, {
      cause,
    });
  }
  return parseDestinations(text, path, secret);
}

export function parseDestinations(
  text: string,
  name: string,
  secret: z.ZodType<string>,
): readonly Destination[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [syntaxError] = document.errors;
  if (syntaxError) {
    const { line } = lines.linePos(syntaxError.pos[0]);
    throw new PipelineError('config-invalid', `${name}, line ${line}: ${syntaxError.message}`);
  }
  const parsed = destinationsSchema(secret).safeParse(document.toJS() ?? {});
  if (parsed.success) {
    return parsed.data.destinations;
  }
  const problems = parsed.error.issues.map(({ path, message }) => {
    const keys = path.filter((key) => typeof key !== 'symbol');
    return `${name}, line ${lineOf(keys)}: ${fieldOf(keys) || 'the file'}: ${message}`;
  });
  throw new PipelineError('config-invalid', problems.join('\n'));

  /** The line of a field; of the nearest thing around it when the field is missing. */
  function lineOf(path: readonly (string | number)[]): number {
    for (let depth = path.length; depth > 0; depth -= 1) {
      const node = document.getIn(path.slice(0, depth), true);
      if (isNode(node) && node.range) {
        return lines.linePos(node.range[0]).line;
      }
    }
    return 1;
  }
}

/** `''` is the whole. */
export function fieldOf(path: readonly PropertyKey[]): string {
  const text = path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('');
  return text.replace(/^\./, '');
}

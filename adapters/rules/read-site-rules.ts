import { readFile, stat } from 'node:fs/promises';

import { isMap, LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';

import { PipelineError } from '../../core/errors.js';
import { siteRulesSchema, type SiteRules } from '../../core/rules/site-rules.js';
import { findAttribute } from './attribute-dictionary.js';

const MAX_FILE_BYTES = 1024 * 1024;
const MAX_PROBLEMS = 20;

/**
 * The rules of a file in YAML or JSON. All problems are told at once, each with its line.
 *
 * @throws PipelineError `config-invalid`
 */
export async function readSiteRules(path: string): Promise<SiteRules> {
  const text = await readText(path);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) {
    throw invalid(
      path,
      document.errors.map(({ message }) => message.split('\n')[0] ?? message),
    );
  }
  const parsed = siteRulesSchema(findAttribute).safeParse(toPlain(document, path));
  if (!parsed.success) {
    throw invalid(
      path,
      parsed.error.issues.map((issue) => {
        const where = z.core.toDotPath(issue.path);
        const line = lineOf(document, lines, issue.path);
        return `line ${line}: ${where === '' ? '' : `${where}: `}${issue.message}`;
      }),
    );
  }
  return parsed.data;
}

async function readText(path: string): Promise<string> {
  try {
    const found = await stat(path);
    if (!found.isFile() || found.size > MAX_FILE_BYTES) {
      throw new PipelineError('config-invalid', `${path} is not a regular file of up to 1 MB.`);
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    throw error instanceof PipelineError
      ? error
      : new PipelineError('config-invalid', `The rules in ${path} cannot be read.`, {
          cause: error,
        });
  }
}

function toPlain(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new PipelineError('config-invalid', `${path}: its aliases cannot be resolved.`, {
      cause: error,
    });
  }
}

/** Of the innermost part of the path that stands in the file. */
function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent: unknown = document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => String(key) === String(last))
      : undefined;
    const node: unknown = pair?.key ?? document.getIn(path.slice(0, length), true);
    const offset = offsetOf(node);
    if (offset !== undefined) {
      return lines.linePos(offset).line;
    }
  }
  return 1;
}

function offsetOf(node: unknown): number | undefined {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)
    ? Number(node.range[0])
    : undefined;
}

function invalid(path: string, problems: readonly string[]): PipelineError {
  const shown = problems.slice(0, MAX_PROBLEMS).map((problem) => `\n  ${problem}`);
  const more = problems.length - shown.length;
  return new PipelineError(
    'config-invalid',
    `The rules in ${path} are not valid:${shown.join('')}${more > 0 ? `\n  and ${more} more` : ''}`,
  );
}

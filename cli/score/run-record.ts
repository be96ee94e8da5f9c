import { readFile, rename, writeFile } from 'node:fs/promises';

import { z } from 'zod';

import { modelProvenanceSchema } from '../../core/results/outcome.js';

/**
 * `<output>.run.json`, kept beside the output: what made its rows. A run is resumed only under the same
 * record, and later it tells which weights and which software the numbers are from. It has no dates, so
 * that equal runs leave equal files.
 */
export const runRecordSchema = z.strictObject({
  schemaVersion: z.literal(1),
  softwareVersion: z.string(),
  model: modelProvenanceSchema.strict(),
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});

export type RunRecord = z.infer<typeof runRecordSchema>;

/** Key of the record, as JSON, in the metadata of a Parquet file of scores. */
export const RUN_RECORD_KEY = 'preread.run';

/** Undefined when there is none, or none that can be understood. */
export async function readRunRecord(path: string): Promise<RunRecord | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : parseRunRecord(text);
}

/** Undefined when the text is none. */
export function parseRunRecord(text: string): RunRecord | undefined {
  try {
    return runRecordSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Replaces the record as a whole: a killed run leaves the old one or the new one. */
export async function writeRunRecord(path: string, record: RunRecord): Promise<void> {
  const temporary = `${path}.tmp`;
  await writeFile(temporary, `${JSON.stringify(record, undefined, 2)}\n`);
  await rename(temporary, path);
}

/** What differs between two records, such as `model.sha256`; empty when nothing does. */
export function recordDifferences(a: RunRecord, b: RunRecord): readonly string[] {
  const flatA = flatten(a);
  const flatB = flatten(b);
  const names = [...new Set([...flatA.keys(), ...flatB.keys()])];
  return names.filter((name) => flatA.get(name) !== flatB.get(name));
}

function flatten({ softwareVersion, model, settings }: RunRecord): Map<string, unknown> {
  return new Map<string, unknown>([
    ['softwareVersion', softwareVersion],
    ...Object.entries(model).map(([name, value]): [string, unknown] => [
      `model.${name}`,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
    ...Object.entries(settings),
  ]);
}

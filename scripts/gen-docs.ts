/**
 * Writes the documents that are made from code, so that they cannot tell another story:
 * docs/configuration.md and .env.example from the configuration's schema, docs/errors.md from the error table,
 * docs/states.md from the tables of states, docs/dicom-conformance-statement.md from those of the services.
 * With --check it writes nothing and fails when one of them is out of date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { packageRoot } from '../adapters/process/package-info.js';
import { remoteConfig } from '../cli/remote/config.js';
import { serveConfig } from '../cli/serve/config.js';
import { modelManifestSchema } from '../core/inference/model-manifest.js';
import { ERRORS } from '../core/errors.js';
import { NOT_ANALYSED } from '../core/results/outcome.js';
import { conformanceStatement } from './docs/conformance-statement.js';
import { statesPage } from './states-page.js';

interface Setting {
  readonly name: string;
  readonly description: string;
  readonly fallback: string | undefined;
}

const documents: Readonly<Record<string, string>> = {
  'docs/configuration.md': configurationPage(settings(serveConfig), settings(remoteConfig)),
  '.env.example': environmentExample(settings(serveConfig)),
  'docs/errors.md': errorsPage(),
  'docs/dicom-conformance-statement.md': conformanceStatement(),
  'docs/model-manifest.schema.json': manifestSchema(),
  'docs/states.md': statesPage(),
};
const check = process.argv.includes('--check');
for (const [name, text] of Object.entries(documents)) {
  const path = join(packageRoot, name);
  if (!check) {
    writeFileSync(path, text);
  } else if (readOrEmpty(path) !== text) {
    console.error(`${name} is out of date: run "npm run gen"`);
    process.exitCode = 1;
  }
}

function settings({ shape }: { readonly shape: Readonly<Record<string, z.ZodType>> }): Setting[] {
  return Object.entries(shape).map(([name, field]) => {
    const fallback = field.safeParse(undefined);
    return {
      name,
      description: field.description ?? innerDescription(field) ?? '',
      fallback:
        fallback.success && fallback.data !== undefined ? plainText(fallback.data) : undefined,
    };
  });
}

/** As one would write it into the environment. */
function plainText(value: unknown): string | undefined {
  if (value instanceof Map) {
    return undefined; // Lists that are empty by default.
  }
  if (Array.isArray(value)) {
    return value.join(',');
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** `.describe()` may stand before `.default()` or `.optional()`. */
function innerDescription(schema: z.ZodType): string | undefined {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodOptional
    ? (schema.unwrap() as z.ZodType).description
    : undefined;
}

function settingRows(all: readonly Setting[]): string {
  return all
    .map(
      ({ name, description, fallback }) =>
        `| \`${name}\` | ${fallback === undefined ? '' : `\`${fallback}\``} | ${description} |`,
    )
    .join('\n');
}

function configurationPage(server: readonly Setting[], commands: readonly Setting[]): string {
  return `# Configuration

<!-- Made by "npm run gen" from the schema in the code; edit there. -->

Settings are environment variables. An empty variable counts as absent. All problems are reported at once when the process starts,
and it ends with exit code 2.

| variable | default | meaning |
|---|---|---|
${settingRows(server)}

## Commands that talk to a running server

As \`preread keys\`. Without these settings they find the server that uses \`PREREAD_DATA_DIR\` on this machine.

| variable | default | meaning |
|---|---|---|
${settingRows(commands)}
`;
}

function environmentExample(all: readonly Setting[]): string {
  const blocks = all.map(
    ({ name, description, fallback }) => `# ${description}\n#${name}=${fallback ?? ''}\n`,
  );
  return `# Made by "npm run gen" from the schema in the code. Copy to .env and take away the # of what you set.

# For docker-compose.yml:
POSTGRES_PASSWORD=
REDIS_PASSWORD=

${blocks.join('\n')}`;
}

function errorsPage(): string {
  const errors = Object.entries(ERRORS).map(
    ([code, { failure, httpStatus, failureReason, title }]) =>
      `| \`${code}\` | ${failure} | ${httpStatus} | ${failureReason.toString(16).toUpperCase().padStart(4, '0')} | ${title} |`,
  );
  const reasons = Object.entries(NOT_ANALYSED).map(
    ([reason, sentence]) => `| \`${reason}\` | ${sentence} |`,
  );
  return `# Errors and outcomes

<!-- Made by "npm run gen" from the tables in the code; edit there. -->

## Errors

Codes are stable and never reused. \`transient\` errors are tried again, \`permanent\` ones are not, \`ambiguous\` ones (the
other side may have acted) are tried again only under an idempotency key. The DICOM column is the Failure Reason
(0008,1197) in a STOW-RS response and the status of a C-STORE response, hexadecimal.

| code | class | HTTP | DICOM | meaning |
|---|---|---|---|---|
${errors.join('\n')}

## Why an image was not analysed

Every stored image ends either scored or with one of these reasons; the study's result carries it.

| reason | meaning |
|---|---|
${reasons.join('\n')}
`;
}

/** For editors and validators; what the loader checks beyond it (such as thresholds) it says itself. */
function manifestSchema(): string {
  const schema = z.toJSONSchema(modelManifestSchema, { io: 'input' });
  const named = { ...schema, title: 'Manifest of a preread model' };
  return `${JSON.stringify(named, undefined, 2)}\n`;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

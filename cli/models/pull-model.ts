import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { lock } from 'proper-lockfile';

import { download, type ProxySettings } from '../../adapters/models/download.js';
import { readPin, writePin } from '../../adapters/models/pins.js';
import { readCatalogue } from '../../adapters/models/read-catalogue.js';
import { PipelineError } from '../../core/errors.js';
import type { CatalogueModel } from '../../core/models/catalogue.js';
import { createDownloadProgress } from './download-progress.js';
import { installCatalogueModel, named } from './import-model.js';
import { say, type ModelsFolder } from './models-folder.js';

export interface PullFlags {
  /** Instead of the published address: a mirror of the same file. */
  readonly url?: string;
  readonly force: boolean;
}

interface Source {
  readonly url: string;
  readonly sha256?: string | undefined;
  readonly sizeBytes?: number | undefined;
}

/** `preread models pull`: downloads, checks, converts, installs. Returns the model's name. */
export async function pullModel(
  text: string,
  { modelsDir }: ModelsFolder,
  flags: PullFlags,
  signal: AbortSignal,
): Promise<string> {
  const catalogue = await readCatalogue();
  const { name, model } = named(catalogue, text);
  if (!flags.force && existsSync(join(modelsDir, name))) {
    throw new PipelineError(
      'model-exists',
      `${name} is installed already; --force pulls it again.`,
    );
  }
  const downloads = join(modelsDir, '.downloads');
  await mkdir(downloads, { recursive: true });
  // Two pulls into one file would mix their bytes.
  const release = await lock(join(downloads, name), { realpath: false }).catch((cause: unknown) => {
    throw new PipelineError('model-exists', `Another process is pulling ${name}.`, { cause });
  });
  try {
    const path = join(downloads, `${name}.pt`);
    const { url, sha256, assurance } = await fetchFirst(sourcesOf(model, flags.url), path, {
      modelsDir,
      signal,
    });
    say(assurance);
    await installCatalogueModel(
      {
        catalogue,
        name,
        model,
        checkpoint: await readFile(path),
        origin: `Downloaded from ${url}`,
        modelsDir,
      },
      flags,
    );
    // Only now: a file that turns out not to be readable shall not become the one to expect.
    await writePin(modelsDir, url, sha256);
    await rm(path);
    return name;
  } finally {
    await release();
  }
}

interface Fetched {
  readonly url: string;
  readonly sha256: string;
  /** What is known of the file's identity, for people. */
  readonly assurance: string;
}

/** Sources whose hash is published come first. */
function sourcesOf(model: CatalogueModel, mirror: string | undefined): Source[] {
  if (mirror !== undefined) {
    return [{ url: mirror }];
  }
  return [...model.copies.filter(({ sha256 }) => sha256 !== undefined), { url: model.url }];
}

async function fetchFirst(
  sources: readonly Source[],
  path: string,
  { modelsDir, signal }: { readonly modelsDir: string; readonly signal: AbortSignal },
): Promise<Fetched> {
  let failure: unknown;
  for (const { url, sha256, sizeBytes } of sources) {
    const pin = sha256 === undefined ? await readPin(modelsDir, url) : undefined;
    const progress = createDownloadProgress(process.stderr);
    say(`Downloading ${url}`);
    try {
      const found = await download(url, path, {
        proxy: proxyOf(process.env),
        sha256: sha256 ?? pin,
        sizeBytes,
        signal,
        onProgress: (received, total) => {
          progress.update(received, total);
        },
      });
      return { url, sha256: found.sha256, assurance: assuranceOf(found.sha256, sha256, pin) };
    } catch (error) {
      if (!(error instanceof PipelineError) || error.code !== 'download-failed') {
        throw error;
      }
      failure ??= error;
      // Another source may hold another file: its part must not be continued.
      if (sources.length > 1) {
        await rm(`${path}.part`, { force: true });
      }
    } finally {
      progress.stop();
    }
  }
  throw failure;
}

function assuranceOf(
  found: string,
  published: string | undefined,
  pin: string | undefined,
): string {
  if (published !== undefined) {
    return `SHA-256 ${found}, as published.`;
  }
  return pin === undefined
    ? `SHA-256 ${found}. None is published for this file: it is remembered, and later pulls must match it.`
    : `SHA-256 ${found}, the same as at the first pull.`;
}

function proxyOf(env: Readonly<Record<string, string | undefined>>): ProxySettings {
  return {
    httpProxy: env['http_proxy'] ?? env['HTTP_PROXY'],
    httpsProxy: env['https_proxy'] ?? env['HTTPS_PROXY'],
    noProxy: env['no_proxy'] ?? env['NO_PROXY'],
  };
}

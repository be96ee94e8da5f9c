import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { lock } from 'proper-lockfile';

import { download } from '../../adapters/models/download.js';
import { readPin, writePin } from '../../adapters/models/pins.js';
import { readCatalogue } from '../../adapters/models/read-catalogue.js';
import { PipelineError } from '../../core/errors.js';
import type { CatalogueModel } from '../../core/models/catalogue.js';
import { createDownloadProgress } from './download-progress.js';
import { installCatalogueModel, named } from './import-model.js';
import { say, writableModelsFolder, type ModelsFolder } from './models-folder.js';
import { proxySettings } from './proxy-settings.js';

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
  await writableModelsFolder(modelsDir);
  const downloads = join(modelsDir, '.downloads');
  await mkdir(downloads, { recursive: true });
  // Two pulls into one file would mix their bytes.
  const release = await lock(join(downloads, name), { realpath: false }).catch((cause: unknown) => {
    throw new PipelineError('model-exists', `Another process is pulling ${name}.`, { cause });
  });
  try {
    const { url, path, sha256, assurance } = await fetchFirst(sourcesOf(model, flags.url), {
      name,
      downloads,
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
    await removeDownloads(downloads, name);
    return name;
  } finally {
    await release();
  }
}

interface Fetched {
  readonly url: string;
  readonly path: string;
  readonly sha256: string;
  /** What is known of the file's identity, for people. */
  readonly assurance: string;
}

/** Sources whose hash is published come first, then the original, then other places. */
function sourcesOf(model: CatalogueModel, mirror: string | undefined): Source[] {
  if (mirror !== undefined) {
    return [{ url: mirror }];
  }
  const proven = model.copies.filter(({ sha256 }) => sha256 !== undefined);
  const others = model.copies.filter(({ sha256 }) => sha256 === undefined);
  return [...proven, { url: model.url }, ...others];
}

interface Destination {
  readonly name: string;
  /** Folder of what is being downloaded. */
  readonly downloads: string;
  readonly modelsDir: string;
  readonly signal: AbortSignal;
}

async function fetchFirst(
  sources: readonly Source[],
  { name, downloads, modelsDir, signal }: Destination,
): Promise<Fetched> {
  for (const { url, sha256, sizeBytes } of sources) {
    // Each source has a file of its own: the rest of one must not be appended to the start of another.
    const path = join(downloads, fileOf(name, url));
    const pin = sha256 === undefined ? await readPin(modelsDir, url) : undefined;
    const progress = createDownloadProgress(process.stderr);
    say(`Downloading ${url}`);
    try {
      const found = await download(url, path, {
        proxy: proxySettings(process.env),
        sha256: sha256 ?? pin,
        sizeBytes,
        signal,
        onProgress: (received, total) => {
          progress.update(received, total);
        },
      });
      return { url, path, sha256: found.sha256, assurance: assuranceOf(found.sha256, sha256, pin) };
    } catch (error) {
      if (!(error instanceof PipelineError) || error.code !== 'download-failed') {
        throw error;
      }
      say(error.message);
    } finally {
      progress.stop();
    }
  }
  const urls = sources.map(({ url }) => url).join(' or ');
  throw new PipelineError(
    'download-failed',
    `${name} could not be downloaded; the reasons are above. The same command goes on where it ended. Without a network ` +
      `fetch ${urls} elsewhere and run "preread models import FILE --as ${name}".`,
  );
}

function fileOf(name: string, url: string): string {
  return `${name}-${createHash('sha256').update(url).digest('hex').slice(0, 8)}.pt`;
}

async function removeDownloads(downloads: string, name: string): Promise<void> {
  const own = new RegExp(`^${name.replaceAll('.', '\\.')}-[0-9a-f]{8}\\.pt(\\.part)?$`);
  for (const file of await readdir(downloads)) {
    if (own.test(file)) {
      await rm(join(downloads, file));
    }
  }
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

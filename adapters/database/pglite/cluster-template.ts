import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { gunzip, gzip } from 'node:zlib';

import { PGlite } from '@electric-sql/pglite';
import { z } from 'zod';

import { packageRoot } from '../../process/package-info.js';

/**
 * An empty database cluster, packed. initdb takes PGlite 4 to 14 s and 800 MB on two cores, unpacking
 * its result half a second; the build makes it once (scripts/build-database-template.ts).
 */
const clusterSchema = z.object({
  folders: z.array(z.string()),
  files: z.record(z.string(), z.instanceof(Uint8Array)),
});

/** A cluster fits exactly the server that made it. */
const { version } = z
  .object({ version: z.string() })
  .parse(
    JSON.parse(
      readFileSync(new URL('../package.json', import.meta.resolve('@electric-sql/pglite')), 'utf8'),
    ),
  );

const templatePath = join(packageRoot, 'dist', `database-template-${version}.gz`);

/** Writes a new cluster, from the template where the build has made one. The folder must not exist. */
export async function writeCluster(folder: string): Promise<void> {
  if (!existsSync(templatePath)) {
    await initialise(folder);
    return;
  }
  const bytes = await promisify(gunzip)(await readFile(templatePath));
  const { folders, files } = clusterSchema.parse(deserialize(bytes));
  for (const name of ['', ...folders]) {
    await mkdir(join(folder, name), { mode: 0o700 });
  }
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), content, { mode: 0o600 });
  }
}

/** Makes the template unless there is one. */
export async function buildTemplate(): Promise<void> {
  if (existsSync(templatePath)) {
    return;
  }
  const temporary = await mkdtemp(join(tmpdir(), 'preread-template-'));
  try {
    const cluster = join(temporary, 'cluster');
    await initialise(cluster);
    const packed = `${templatePath}.new`;
    await writeFile(packed, await promisify(gzip)(serialize(await pack(cluster))));
    await rename(packed, templatePath);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function initialise(folder: string): Promise<void> {
  const database = await PGlite.create({ dataDir: folder });
  await database.close();
}

async function pack(root: string): Promise<z.infer<typeof clusterSchema>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const pathOf = (entry: (typeof entries)[number]) => join(entry.parentPath, entry.name);
  const folders = entries.filter((entry) => entry.isDirectory()).map(pathOf);
  const files = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(
        async (entry) => [relative(root, pathOf(entry)), await readFile(pathOf(entry))] as const,
      ),
  );
  return {
    // A folder comes after the one that holds it.
    folders: folders.map((folder) => relative(root, folder)).sort(),
    files: Object.fromEntries(files),
  };
}

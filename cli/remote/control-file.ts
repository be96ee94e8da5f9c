import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { z } from 'zod';

const controlSchema = z.object({ url: z.url(), token: z.string().min(32) });

/** Where a server on this machine takes orders, and what proves the right to give them. */
export type Control = z.infer<typeof controlSchema>;

export function makeControlToken(): string {
  return `prc_${randomBytes(32).toString('base64url')}`;
}

/**
 * Tells commands on this machine how to reach the server that holds the data folder. Only its owner may
 * read the file, who could read the whole folder as well.
 */
export async function writeControlFile(dataFolder: string, control: Control): Promise<void> {
  const path = pathIn(dataFolder);
  await rm(`${path}.new`, { force: true });
  await writeFile(`${path}.new`, JSON.stringify(control), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

export async function removeControlFile(dataFolder: string): Promise<void> {
  await rm(pathIn(dataFolder), { force: true });
}

/** Undefined when there is none. One of a server that was killed may be left behind. */
export async function readControlFile(dataFolder: string): Promise<Control | undefined> {
  try {
    return controlSchema.parse(JSON.parse(await readFile(pathIn(dataFolder), 'utf8')));
  } catch {
    return undefined;
  }
}

function pathIn(dataFolder: string): string {
  return join(resolve(dataFolder), 'control.json');
}

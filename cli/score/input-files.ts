import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import picomatch from 'picomatch';

/** Something that gets one row. A path that cannot be read as a file says why. */
export interface InputFile {
  readonly path: string;
  readonly unreadable?: string;
}

/** One argument of the command line, understood. */
export type Input =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'glob'; readonly folder: string; readonly pattern: string };

/** What the walk leaves out: files that the run itself writes. Absolute, links resolved. */
export type OwnFiles = ReadonlySet<string>;

/**
 * What an argument means: an existing path is taken as it is, also when it contains brackets; a DICOMDIR
 * stands for its folder. Undefined when nothing is there.
 */
export async function parseInput(argument: string): Promise<Input | undefined> {
  const found = await statOrUndefined(argument);
  if (found?.isDirectory() === true) {
    return { kind: 'folder', path: argument };
  }
  if (found !== undefined) {
    return isDicomdir(argument)
      ? { kind: 'folder', path: dirname(argument) }
      : { kind: 'file', path: argument };
  }
  const { isGlob, base, glob } = picomatch.scan(argument);
  if (!isGlob || (await statOrUndefined(base || '.'))?.isDirectory() !== true) {
    return undefined;
  }
  return { kind: 'glob', folder: base || '.', pattern: glob };
}

/**
 * The files of the inputs in an order that depends on names alone: inputs as given, folders depth first,
 * entries by UTF-16 code unit. Links are followed; a folder is entered once for each input, so links that
 * form a loop end. A DICOMDIR is an index of files that are found anyway, and is left out.
 */
export async function* inputFiles(
  inputs: readonly Input[],
  ownFiles: OwnFiles = new Set(),
): AsyncGenerator<InputFile> {
  for (const input of inputs) {
    switch (input.kind) {
      case 'file':
        yield await inputFile(input.path);
        break;
      case 'folder':
        yield* walk(input.path, everything, ownFiles);
        break;
      case 'glob':
        yield* walk(input.folder, globFilter(input.pattern), ownFiles);
        break;
    }
  }
}

/** What a walk does with an entry, given its path relative to the walk's root. */
interface WalkFilter {
  matches(relativePath: string): boolean;
  /** Whether anything deeper than so many levels can match. */
  readonly maxDepth: number;
}

const everything: WalkFilter = { matches: () => true, maxDepth: Infinity };

function globFilter(pattern: string): WalkFilter {
  return {
    matches: picomatch(pattern, { dot: true }),
    maxDepth: pattern.includes('**') ? Infinity : pattern.split('/').length,
  };
}

interface Level {
  readonly folder: string;
  readonly relative: string;
  /** The folder itself matched the glob, so all that is in it belongs to it. */
  readonly whole: boolean;
  readonly entries: readonly Dirent[];
  next: number;
}

async function* walk(
  root: string,
  filter: WalkFilter,
  ownFiles: OwnFiles,
): AsyncGenerator<InputFile> {
  const entered = new Set<string>();
  const levels: Level[] = [];

  async function enter(folder: string, relative: string, whole: boolean): Promise<boolean> {
    try {
      const { dev, ino } = await stat(folder);
      const identity = `${dev}:${ino}`;
      if (entered.has(identity)) {
        return true;
      }
      entered.add(identity);
      const entries = await readdir(folder, { withFileTypes: true });
      entries.sort((a, b) => (a.name < b.name ? -1 : 1));
      levels.push({ folder, relative, whole, entries, next: 0 });
      return true;
    } catch {
      return false;
    }
  }

  if (!(await enter(root, '', filter === everything))) {
    yield { path: root, unreadable: 'The folder cannot be read.' };
  }
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const entry = level.entries[level.next];
    if (entry === undefined) {
      levels.pop();
      continue;
    }
    level.next += 1;
    const path = join(level.folder, entry.name);
    const relative = level.relative === '' ? entry.name : `${level.relative}/${entry.name}`;
    const belongs = level.whole || filter.matches(relative);
    if (await isFolder(entry, path)) {
      const worthEntering = belongs || levels.length < filter.maxDepth;
      if (worthEntering && !(await enter(path, relative, belongs))) {
        yield { path, unreadable: 'The folder cannot be read.' };
      }
    } else if (belongs && !isDicomdir(path) && !(await isOwn(path, ownFiles))) {
      yield entry.isFile() ? { path } : await inputFile(path);
    }
  }
}

/** A path as a file, or why it is none. Opening a pipe or a device could wait for ever. */
async function inputFile(path: string): Promise<InputFile> {
  const found = await statOrUndefined(path);
  if (found === undefined) {
    return { path, unreadable: 'The file cannot be found.' };
  }
  return found.isFile() ? { path } : { path, unreadable: 'This is not a regular file.' };
}

async function isFolder(entry: Dirent, path: string): Promise<boolean> {
  return entry.isSymbolicLink()
    ? (await statOrUndefined(path))?.isDirectory() === true
    : entry.isDirectory();
}

function isDicomdir(path: string): boolean {
  return basename(path).toUpperCase() === 'DICOMDIR';
}

async function isOwn(path: string, ownFiles: OwnFiles): Promise<boolean> {
  const name = basename(path);
  for (const own of ownFiles) {
    if (basename(own) === name && own === (await realPathOfFile(path))) {
      return true;
    }
  }
  return false;
}

/** A file's absolute path with the links of its folder resolved; the file need not exist. */
export async function realPathOfFile(path: string): Promise<string> {
  return join(await realpath(dirname(path)), basename(path));
}

async function statOrUndefined(path: string): Promise<Stats | undefined> {
  return stat(path).catch(() => undefined);
}

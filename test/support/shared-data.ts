import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, it } from 'vitest';

/** Real images beside the project, which does not ship them. */
const FOLDER = fileURLToPath(new URL('../../../shared/data', import.meta.url));

/** A suite over a folder of the shared data; skipped under a title that says so where it is absent. */
export function describeWithData(
  subfolder: string,
  title: string,
  suite: (folder: string) => void,
): void {
  const folder = join(FOLDER, subfolder);
  if (existsSync(folder)) {
    describe(title, () => {
      suite(folder);
    });
  } else {
    describe.skip(`${title} [skipped: no ../shared/data/${subfolder}]`, () => {
      it('reads the shared data', () => undefined);
    });
  }
}

/** All files under a folder, relative to it, sorted. */
export function filesUnder(folder: string, prefix = ''): string[] {
  return readdirSync(join(folder, prefix))
    .sort()
    .flatMap((name) => {
      const path = join(prefix, name);
      return statSync(join(folder, path)).isDirectory() ? filesUnder(folder, path) : [path];
    });
}

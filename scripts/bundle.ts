/**
 * Replaces the entry points of `preread` and of its inference processes in dist/ with bundles: Node takes about a
 * millisecond for each module of a graph, and a cold start of `preread score` had four hundred (docs/adr/0014).
 * Part of `npm run build`, after the compiler.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { build, type BuildOptions, type Metafile, type Plugin } from 'esbuild';

import { packageRoot } from '../adapters/process/package-info.js';

const OUT = join(packageRoot, 'dist');
const CHUNKS = 'chunks';

/** Packages of plain JavaScript that a cold start loads. All others stay where npm has put them. */
const INLINED =
  /^(zod|zod-openapi|commander|cli-progress|string-width|strip-ansi|ansi-regex|emoji-regex|is-fullwidth-code-point|picomatch|dicom-parser)(\/|$)/;

const externalPackages: Plugin = {
  name: 'external-packages',
  setup(bundler) {
    bundler.onResolve({ filter: /^[^./]/ }, ({ kind, path }) =>
      kind === 'entry-point' || INLINED.test(path) ? undefined : { path, external: true },
    );
  },
};

/** Half of zod is messages in fifty languages; ours are English. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup(bundler) {
    bundler.onLoad({ filter: /[/\\]zod[/\\]v4[/\\]locales[/\\]index\.js$/ }, () => ({
      contents: `export { default as en } from './en.js';`,
    }));
  },
};

const options = {
  absWorkingDir: packageRoot,
  outbase: '.',
  outdir: OUT,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: true,
  metafile: true,
  plugins: [externalPackages, englishOnly],
  // For what CommonJS packages require of Node.
  banner: {
    js: `import { createRequire as createRequireOfBundle } from 'node:module';const require = createRequireOfBundle(import.meta.url);`,
  },
} as const satisfies BuildOptions;

/** The licences of the packages whose code is in the bundles. */
function licencesOf(inputs: Metafile['inputs']): string {
  const folders = new Set(
    Object.keys(inputs).flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []),
  );
  return [...folders]
    .sort()
    .map((folder) => {
      const file = readdirSync(join(packageRoot, folder)).find((name) => /^licen[cs]e/i.test(name));
      if (file === undefined) {
        throw new Error(`${folder} has no licence to go with its code`);
      }
      return `${folder}\n\n${readFileSync(join(packageRoot, folder, file), 'utf8').trim()}\n`;
    })
    .join('\n----\n\n');
}

// Names of chunks hold a hash, so old ones would stay.
await rm(join(OUT, CHUNKS), { recursive: true, force: true });
const program = await build({
  ...options,
  entryPoints: ['cli/main.ts'],
  // A command loads what it needs, and an error's class is the same one in every chunk.
  splitting: true,
  chunkNames: `${CHUNKS}/[name]-[hash]`,
});
const child = await build({
  ...options,
  entryPoints: ['workers/inference/classifier-child.ts'],
});
await writeFile(
  join(OUT, 'bundled-licences.txt'),
  licencesOf({ ...program.metafile.inputs, ...child.metafile.inputs }),
);

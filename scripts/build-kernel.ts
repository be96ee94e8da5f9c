/**
 * Compiles core/kernel/*.c to core/kernel/kernel-binary.ts. The binary is committed, because users have no
 * compiler; with --check it is only compared, byte for byte, and the versions below make it reproducible.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { packageRoot } from '../adapters/process/package-info.js';

/** Debian's packages clang-14 and lld-14; another version gives other bytes. */
const CLANG = 'clang-14';
const LINKER = 'wasm-ld-14';
const LINE_LENGTH = 96;

const folder = join(packageRoot, 'core/kernel');
const target = join(folder, 'kernel-binary.ts');
const text = render(compile());
if (!process.argv.includes('--check')) {
  writeFileSync(target, text);
} else if (readFileSync(target, 'utf8') !== text) {
  console.error('core/kernel/kernel-binary.ts is not what the sources give: npm run kernel');
  process.exitCode = 1;
}

function compile(): Buffer {
  const scratch = mkdtempSync(join(tmpdir(), 'preread-kernel-'));
  try {
    const output = join(scratch, 'kernel.wasm');
    const sources = readdirSync(folder)
      .filter((name) => name.endsWith('.c'))
      .sort();
    const compiler = ['--target=wasm32', '-O3', '-msimd128', '-mbulk-memory', '-ffreestanding'];
    const warnings = ['-Wall', '-Wextra', '-Werror', '-Wno-int-to-pointer-cast'];
    const linker = ['--no-entry', '--strip-all', '--export=__heap_base'];
    execFileSync(
      CLANG,
      [
        ...compiler,
        ...warnings,
        '-nostdlib',
        `-fuse-ld=/usr/bin/${LINKER}`,
        ...linker.map((option) => `-Wl,${option}`),
        ...['-o', output],
        ...sources,
      ],
      { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] },
    );
    return readFileSync(output);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function render(binary: Buffer): string {
  const base64 = binary.toString('base64');
  const lines = base64.match(new RegExp(`.{1,${LINE_LENGTH}}`, 'g')) ?? [];
  return [
    '// Made from the C sources in this folder: npm run kernel',
    'export const KERNEL_BASE64 = [',
    ...lines.map((line) => `  '${line}',`),
    "].join('');",
    '',
  ].join('\n');
}

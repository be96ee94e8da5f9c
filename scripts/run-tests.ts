/**
 * `npm test`: everything. Installs the peers that the tests talk to (where it may), builds, runs the static
 * checks and every vitest project, and closes with one line of counts.
 *
 * Peers are real servers and tools from Debian's packages. As root on Debian the missing ones are installed;
 * elsewhere the suites that need them are skipped with the reason, and with CI=true they fail.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { z } from 'zod';

/** One file that each package brings: cheaper to look for than to ask apt. */
const PEERS: Readonly<Record<string, string>> = {
  'redis-server': '/usr/bin/redis-server',
  postgresql: '/usr/lib/postgresql',
  dcmtk: '/usr/bin/storescu',
  'libgdcm-tools': '/usr/bin/gdcmconv',
  'libopenjp2-tools': '/usr/bin/opj_compress',
  dicom3tools: '/usr/bin/dciodvfy',
  'clang-14': '/usr/bin/clang-14',
  'lld-14': '/usr/bin/wasm-ld-14',
  orthanc: '/usr/sbin/Orthanc',
  openssl: '/usr/bin/openssl',
  'orthanc-dicomweb': '/usr/share/orthanc/plugins/libOrthancDicomWeb.so',
  'mono-mcs': '/usr/bin/mcs',
  'mono-runtime': '/usr/bin/mono',
  'libmono-system-core4.0-cil': '/usr/lib/mono/4.5/System.Core.dll',
  strace: '/usr/bin/strace',
  'python3-sklearn': '/usr/lib/python3/dist-packages/sklearn',
};

const reportSchema = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numFailedTestSuites: z.int(),
  success: z.boolean(),
});

installMissingPeers();
run('npm', ['run', '--silent', 'build']);
run('npm', ['run', '--silent', 'check']);

const folder = mkdtempSync(join(tmpdir(), 'preread-test-report-'));
const reportPath = join(folder, 'report.json');
const vitest = spawnSync(
  'npx',
  [
    'vitest',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportPath}`,
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit' },
);
if (!existsSync(reportPath)) {
  console.error('vitest ended without a report');
  process.exit(1);
}
const report = reportSchema.parse(JSON.parse(readFileSync(reportPath, 'utf8')));
rmSync(folder, { recursive: true });
const ok = vitest.status === 0 && report.success;
// A suite that fails to load has no failed test of its own, and must not read as a success.
const failed = report.numFailedTests + (ok || report.numFailedTests > 0 ? 0 : 1);
console.log(
  `\n${report.numPassedTests} passed, ${failed} failed, ${report.numPendingTests} skipped`,
);
process.exitCode = ok ? 0 : 1;

function installMissingPeers(): void {
  const missing = Object.keys(PEERS).filter((name) => !existsSync(PEERS[name] ?? ''));
  if (missing.length === 0) {
    return;
  }
  const isRootOnDebian = process.getuid?.() === 0 && existsSync('/etc/debian_version');
  if (!isRootOnDebian) {
    console.warn(
      `Not installed: ${missing.join(', ')}. The tests that need them will be skipped; on Debian: ` +
        `sudo apt-get install --no-install-recommends ${missing.join(' ')}`,
    );
    return;
  }
  console.log(`installing ${missing.join(', ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...missing]]) {
    const apt = spawnSync('apt-get', ['-qq', ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env,
    });
    if (apt.status !== 0) {
      console.warn(
        `apt-get ${args[0] ?? ''} failed: the tests that need ${missing.join(', ')} will say so`,
      );
      return;
    }
  }
}

function run(command: string, args: readonly string[]): void {
  const result = spawnSync(command, args, { stdio: 'inherit' });
  if (result.status !== 0) {
    console.error(`\n${command} ${args.join(' ')} failed`);
    process.exit(1);
  }
}

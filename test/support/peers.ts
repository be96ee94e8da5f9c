import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

import { describe, it } from 'vitest';

/**
 * Real programs that suites run against. Each stands for the Debian packages that bring it (`npm test`
 * installs them where it may) and is present when all its programs are.
 */
export const PEERS = {
  redis: { packages: ['redis-server'], programs: ['redis-server'] },
  postgres: { packages: ['postgresql'], programs: ['initdb', 'postgres'] },
  dcmtk: { packages: ['dcmtk'], programs: ['storescu', 'echoscu', 'dcmdump', 'dcmcjpeg'] },
  dicom3tools: { packages: ['dicom3tools'], programs: ['dciodvfy'] },
  gdcm: { packages: ['libgdcm-tools'], programs: ['gdcmconv', 'gdcmraw'] },
  openjpeg: { packages: ['libopenjp2-tools'], programs: ['opj_compress', 'opj_decompress'] },
  orthanc: { packages: ['orthanc', 'orthanc-dicomweb'], programs: ['Orthanc'] },
  clang: { packages: ['clang-14', 'lld-14'], programs: ['clang-14', 'wasm-ld-14'] },
  mono: {
    packages: ['mono-mcs', 'mono-runtime', 'libmono-system-core4.0-cil'],
    programs: ['mcs', 'mono'],
    files: ['/usr/lib/mono/4.5/System.Core.dll'],
  },
  strace: { packages: ['strace'], programs: ['strace'] },
  chromium: { packages: ['chromium'], programs: ['chromium'] },
  sklearn: {
    packages: ['python3-sklearn'],
    programs: ['/usr/bin/python3'],
    files: ['/usr/lib/python3/dist-packages/sklearn'],
  },
} as const satisfies Record<
  string,
  {
    readonly packages: readonly string[];
    readonly programs: readonly string[];
    /** What else must be there. */
    readonly files?: readonly string[];
  }
>;

export type PeerName = keyof typeof PEERS;

export interface Peer {
  /** Absolute path of one of its programs, also of those that PEERS does not list. */
  program(name: string): string;
}

export type PeerState =
  | { readonly kind: 'present'; readonly peer: Peer }
  | { readonly kind: 'absent'; readonly reason: string };

/** Where Debian puts servers that are not in a user's PATH. The newest PostgreSQL comes first. */
const SERVER_FOLDERS = ['/usr/sbin', ...postgresFolders('/usr/lib/postgresql')];

export function peer(name: PeerName): PeerState {
  const wanted = PEERS[name];
  const { packages, programs } = wanted;
  const files: readonly string[] = 'files' in wanted ? wanted.files : [];
  const missing = [
    ...programs.filter((program) => findProgram(program) === undefined),
    ...files.filter((file) => !existsSync(file)),
  ];
  if (missing.length > 0) {
    const reason = `no ${missing.join(', ')} (apt-get install ${packages.join(' ')})`;
    return { kind: 'absent', reason };
  }
  return { kind: 'present', peer: { program: requireProgram } };
}

/**
 * A suite that needs a peer. Where the peer is absent the suite is skipped under a title that says why;
 * with CI=true it fails, so that a green run has met every peer.
 */
export function describeWithPeer(name: PeerName, title: string, suite: (peer: Peer) => void): void {
  const state = peer(name);
  if (state.kind === 'present') {
    describe(title, () => {
      suite(state.peer);
    });
  } else if (process.env['CI'] === 'true') {
    describe(title, () => {
      it(`meets its peer ${name}`, () => {
        throw new Error(state.reason);
      });
    });
  } else {
    describe.skip(`${title} [skipped: ${state.reason}]`, () => {
      it(`meets its peer ${name}`, () => undefined);
    });
  }
}

function postgresFolders(root: string): string[] {
  const versions = existsSync(root) ? readdirSync(root) : [];
  return versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, 'bin'));
}

function requireProgram(name: string): string {
  const path = findProgram(name);
  if (path === undefined) {
    throw new Error(`there is no program ${name}`);
  }
  return path;
}

function findProgram(name: string): string | undefined {
  if (isAbsolute(name)) {
    return isExecutable(name) ? name : undefined;
  }
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SERVER_FOLDERS];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

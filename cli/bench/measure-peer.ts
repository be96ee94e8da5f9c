import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { z } from 'zod';

import { packageRoot } from '../../adapters/process/package-info.js';
import type { StateDict } from '../../core/pytorch/state-dict.js';

const run = promisify(execFile);

/** Debian's, with python3-torch and python3-skimage: another Python on the path would not see them. */
const PYTHON = '/usr/bin/python3';
const SCRIPT = join(packageRoot, 'scripts/bench/peer_torch.py');
const LIMIT_MS = 300_000;

const ratesSchema = z.record(
  z.string(),
  z.object({ imagesPerSecond: z.number(), cpuMsPerImage: z.number() }),
);

/** Why the peer cannot run here; undefined when it can. */
export async function peerMissing(): Promise<string | undefined> {
  if (!existsSync(SCRIPT)) {
    return 'it is in the source only (scripts/bench/peer_torch.py)';
  }
  try {
    await run(PYTHON, ['-c', 'import torch, skimage, PIL'], { timeout: 60_000 });
    return undefined;
  } catch {
    return 'install python3-torch and python3-skimage';
  }
}

/** Writes weights for the peer; returns the path of their index. */
export async function writePeerWeights(state: StateDict, folder: string): Promise<string> {
  const values = join(folder, 'peer-weights.bin');
  const tensors: [name: string, at: number, shape: readonly number[]][] = [];
  const parts: Buffer[] = [];
  let at = 0;
  for (const [name, weights] of state) {
    tensors.push([name, at, weights.shape]);
    const { buffer, byteOffset, byteLength } = weights.values;
    parts.push(Buffer.from(buffer, byteOffset, byteLength));
    at += weights.values.length;
  }
  await writeFile(values, Buffer.concat(parts));
  const index = join(folder, 'peer-weights.json');
  await writeFile(index, JSON.stringify({ values, tensors }));
  return index;
}

export interface PeerRate {
  /** Its fastest way. */
  readonly way: string;
  readonly imagesPerSecond: number;
  readonly cpuMsPerImage: number;
}

/** Images a second of TorchXRayVision's way on PyTorch, in the fastest of its settings. */
export async function measurePeer(
  weights: string,
  paths: readonly string[],
  { processes, seconds }: { readonly processes: number; readonly seconds: number },
): Promise<PeerRate> {
  const args = [SCRIPT, weights, String(processes), String(seconds), ...paths];
  const { stdout } = await run(PYTHON, args, { timeout: LIMIT_MS });
  const [best] = Object.entries(ratesSchema.parse(JSON.parse(stdout))).sort(
    ([, a], [, b]) => a.cpuMsPerImage - b.cpuMsPerImage,
  );
  if (best === undefined) {
    throw new Error('the peer measured nothing');
  }
  const [way, rate] = best;
  return { way, ...rate };
}

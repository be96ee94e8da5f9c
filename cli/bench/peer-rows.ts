import { measurePeer, peerMissing, writePeerWeights } from './measure-peer.js';
import { randomDenseNet } from './random-densenet.js';
import type { BenchInput } from './bench-inputs.js';

/** So long is each of the peer's ways measured, unless one image takes longer. Unit: s. */
const SECONDS = 2;

/** What the pipeline reached on the same files. */
export interface OwnRate {
  readonly label: string;
  readonly imagesPerSecond: number;
  readonly cpuMsPerImage: number;
}

export interface PeerRow {
  readonly name: string;
  readonly way: string;
  readonly peerImagesPerSecond: number;
  /** Images a second of ours over the peer's; byCpu: per second of processor time, which others cannot take away. */
  readonly ratios: readonly {
    readonly label: string;
    readonly ratio: number;
    readonly byCpu: number;
  }[];
}

/** The pipeline's rates over those of TorchXRayVision's way on PyTorch, with the same weights and files. */
export async function* peerRows(
  inputs: readonly BenchInput[],
  ownRates: (input: BenchInput) => readonly OwnRate[],
  { processes, folder }: { readonly processes: number; readonly folder: string },
  skip: (reason: string) => void,
): AsyncGenerator<PeerRow> {
  const missing = await peerMissing();
  if (missing !== undefined) {
    skip(`The peer on PyTorch is skipped: ${missing}.`);
    return;
  }
  const weights = await writePeerWeights(randomDenseNet(), folder);
  for (const input of inputs) {
    const peer = await measurePeer(weights, input.paths, {
      processes,
      seconds: SECONDS,
    });
    const ratios = ownRates(input).map((own) => ({
      label: own.label,
      ratio: own.imagesPerSecond / peer.imagesPerSecond,
      byCpu: peer.cpuMsPerImage / own.cpuMsPerImage,
    }));
    yield { name: input.name, way: peer.way, peerImagesPerSecond: peer.imagesPerSecond, ratios };
  }
}

export function peerLine({ name, way, peerImagesPerSecond, ratios }: PeerRow): string {
  const ours = ratios
    .map(
      ({ label, ratio, byCpu }) =>
        `${ratio.toFixed(2)} (${label}; by processor time ${byCpu.toFixed(2)})`,
    )
    .join(', ');
  return (
    `score over TorchXRayVision's way on PyTorch, ${name}: ${ours}; ` +
    `the peer ${peerImagesPerSecond.toFixed(1)} a second (${way})`
  );
}

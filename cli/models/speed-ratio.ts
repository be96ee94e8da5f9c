import type { LoadedModel } from '../../adapters/models/load-model.js';
import { createClassifierSession } from '../../adapters/onnx/classifier-session.js';

const PAIRS = 9;
const RUNS = 10;

/** How many times as fast other weights are: the median of interleaved pairs on one core. */
export async function speedRatio(
  { bytes, manifest }: LoadedModel,
  other: Uint8Array,
  images: readonly Float32Array[],
): Promise<number> {
  const first = await createClassifierSession({ bytes, manifest, provider: 'cpu' });
  const second = await createClassifierSession({ bytes: other, manifest, provider: 'cpu' });
  const time = async (session: typeof first): Promise<number> => {
    const { user, system } = process.cpuUsage();
    for (let run = 0; run < RUNS; run += 1) {
      await session.run(images[run % images.length] ?? new Float32Array());
    }
    const used = process.cpuUsage();
    // Of the processor, not of the wall: others may use this machine.
    return used.user + used.system - user - system;
  };
  const ratios: number[] = [];
  for (let pair = 0; pair <= PAIRS; pair += 1) {
    const ratio = (await time(first)) / (await time(second));
    // The first pair warms up.
    ratios.push(...(pair === 0 ? [] : [ratio]));
  }
  await first.release();
  await second.release();
  return ratios.sort((a, b) => a - b)[Math.floor(PAIRS / 2)] ?? NaN;
}

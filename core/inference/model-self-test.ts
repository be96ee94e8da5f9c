import { z } from 'zod';

import type { ModelManifest } from './model-manifest.js';

/**
 * `models/<name>/self-test.json`: inputs that anybody can compute and the logits they must give. Run at
 * every start: a runtime, provider or processor that computes something else is found before a patient is.
 */
export const modelSelfTestSchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** Largest accepted difference of a logit. Execution providers round differently. */
  tolerance: z.number().positive(),
  cases: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        input: z.strictObject({
          pattern: z.literal('waves'),
          cyclesX: z.number(),
          cyclesY: z.number(),
        }),
        /** Shape: [findings], in the manifest's order. */
        logits: z.array(z.number()).min(1),
      }),
    )
    .min(1),
});

export type ModelSelfTest = z.infer<typeof modelSelfTestSchema>;

/**
 * The pattern `waves`, the same in every channel. Computed in float64, rounded to float32:
 * `low + (high - low) * (0.5 + 0.25 sin(2 pi cyclesX x / width) + 0.25 cos(2 pi cyclesY y / height))`.
 * Shape: [channels, height, width], row-major. Units: the manifest's input range.
 */
export function selfTestInput(
  input: ModelManifest['input'],
  { cyclesX, cyclesY }: ModelSelfTest['cases'][number]['input'],
): Float32Array {
  const { channels, height, width } = input;
  const [low, high] = input.range;
  const tensor = new Float32Array(channels * height * width);
  const horizontal = Float64Array.from(
    { length: width },
    (_, x) => 0.25 * Math.sin((2 * Math.PI * cyclesX * x) / width),
  );
  for (let y = 0; y < height; y += 1) {
    const vertical = 0.25 * Math.cos((2 * Math.PI * cyclesY * y) / height);
    for (let x = 0; x < width; x += 1) {
      tensor[y * width + x] = low + (high - low) * (0.5 + horizontal[x]! + vertical);
    }
  }
  for (let channel = 1; channel < channels; channel += 1) {
    tensor.copyWithin(channel * height * width, 0, height * width);
  }
  return tensor;
}

/**
 * A linear filter along one axis: output `j` is the sum of `weights[j][k] * input[starts[j] + k]`.
 * Starts never decrease with `j`.
 */
export interface AxisWeights {
  readonly inputs: number;
  readonly starts: readonly number[];
  readonly weights: readonly Float64Array[];
}

/**
 * Antialiased triangle: with f = inputs / outputs and r = max(f, 1) the weight of input i for output j is
 * max(0, 1 - |i + 0.5 - (j + 0.5) f| / r), divided by the sum. As Pillow's and PyTorch's bilinear filter.
 */
export function triangleWeights(inputs: number, outputs: number): AxisWeights {
  const scale = inputs / outputs;
  const radius = Math.max(scale, 1);
  return build(inputs, outputs, (output) => {
    const center = (output + 0.5) * scale;
    const start = Math.max(0, Math.ceil(center - radius - 0.5));
    const end = Math.min(inputs - 1, Math.floor(center + radius - 0.5));
    const weights = Float64Array.from({ length: end - start + 1 }, (_, k) =>
      Math.max(0, 1 - Math.abs(start + k + 0.5 - center) / radius),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { start, weights: weights.map((weight) => weight / sum) };
  });
}

/**
 * scikit-image's `resize(order=1, mode='constant')`: a Gaussian of sigma (f - 1) / 2 cut at 4 sigma, then
 * linear interpolation at (j + 0.5) f - 0.5. Everything outside the image is 0, so the weights of outputs
 * near an edge add up to less than 1. Folding both steps into one row of weights is exact: both are linear.
 */
export function skimageWeights(inputs: number, outputs: number): AxisWeights {
  const scale = inputs / outputs;
  const gaussian = gaussianKernel(Math.max(0, (scale - 1) / 2));
  const radius = (gaussian.length - 1) / 2;
  return build(inputs, outputs, (output) => {
    const position = (output + 0.5) * scale - 0.5;
    const below = Math.floor(position);
    const start = Math.max(0, below - radius);
    const end = Math.min(inputs - 1, below + 1 + radius);
    const weights = new Float64Array(end - start + 1);
    for (const [center, share] of [
      [below, 1 - (position - below)],
      [below + 1, position - below],
    ] as const) {
      if (center < 0 || center >= inputs) {
        continue;
      }
      for (let k = -radius; k <= radius; k += 1) {
        const input = center + k;
        if (input >= 0 && input < inputs) {
          // Both indices lie inside by the bounds above.
          weights[input - start]! += share * gaussian[k + radius]!;
        }
      }
    }
    return { start, weights };
  });
}

/** The same weights for inputs that begin `origin` further on, of `inputs` altogether. */
export function shiftWeights(axis: AxisWeights, origin: number, inputs: number): AxisWeights {
  return { inputs, starts: axis.starts.map((start) => start + origin), weights: axis.weights };
}

/** First input that any output needs, and the one behind the last. */
export function extentOf({ starts, weights }: AxisWeights): readonly [number, number] {
  let end = 0;
  starts.forEach((start, output) => {
    end = Math.max(end, start + (weights[output]?.length ?? 0));
  });
  return [starts[0] ?? 0, end];
}

/** Number of weights of the output that has most of them. */
export function longestOf({ weights }: AxisWeights): number {
  return weights.reduce((most, { length }) => Math.max(most, length), 0);
}

/** Made once for an axis: images of one size have the same weights. */
const knownSums = new WeakMap<AxisWeights, Float64Array>();

/** The sum of each output's weights: what a constant of 1 becomes. */
export function weightSums(axis: AxisWeights): Float64Array {
  const known = knownSums.get(axis);
  if (known !== undefined) {
    return known;
  }
  const sums = new Float64Array(axis.weights.length);
  axis.weights.forEach((weights, output) => {
    for (let index = 0; index < weights.length; index += 1) {
      sums[output]! += weights[index]!;
    }
  });
  knownSums.set(axis, sums);
  return sums;
}

function gaussianKernel(sigma: number): Float64Array {
  const radius = Math.floor(4 * sigma + 0.5);
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, index) =>
    sigma === 0 ? 1 : Math.exp(-((index - radius) ** 2) / (2 * sigma * sigma)),
  );
  const sum = kernel.reduce((total, weight) => total + weight, 0);
  return kernel.map((weight) => weight / sum);
}

function build(
  inputs: number,
  outputs: number,
  row: (output: number) => { readonly start: number; readonly weights: Float64Array },
): AxisWeights {
  const rows = Array.from({ length: outputs }, (_, output) => row(output));
  return {
    inputs,
    starts: rows.map(({ start }) => start),
    weights: rows.map(({ weights }) => weights),
  };
}

import { interpolateInferno } from 'd3-scale-chromatic';

const STEPS = 256;

/**
 * Inferno: perceptually uniform, readable in grey and to colour-blind readers. Shape: [256, 3], red, green
 * and blue from 0 to 255. Source: Smith and van der Walt, through d3-scale-chromatic.
 */
const INFERNO: Uint8Array = Uint8Array.from(
  Array.from({ length: STEPS }, (_, step) => {
    const hex = Number.parseInt(interpolateInferno(step / (STEPS - 1)).slice(1), 16);
    return [hex >> 16, (hex >> 8) & 255, hex & 255];
  }).flat(),
);

/** How much of the colour covers the picture where the heat is largest. */
const OPACITY = 0.6;

/** The picture with the heat on it: colour and opacity rise together. Shape: [height, width, 3]. */
export function blend(grey: Uint8Array, heat: Float32Array): Uint8Array {
  const blended = new Uint8Array(grey.length * 3);
  for (let at = 0; at < grey.length; at += 1) {
    const value = heat[at]!;
    const opacity = OPACITY * Math.sqrt(value);
    const colour = 3 * Math.round(value * (STEPS - 1));
    for (let channel = 0; channel < 3; channel += 1) {
      blended[3 * at + channel] = Math.round(
        (1 - opacity) * grey[at]! + opacity * INFERNO[colour + channel]!,
      );
    }
  }
  return blended;
}

/** The colours from no heat to the largest, from left to right. Shape: [height, width, 3]. */
export function scaleBar({ width, height }: { readonly width: number; readonly height: number }) {
  const row = Array.from({ length: width }, (_, x) => {
    const colour = 3 * Math.round((x / (width - 1)) * (STEPS - 1));
    return INFERNO.subarray(colour, colour + 3);
  });
  return Buffer.concat(Array.from({ length: height }, () => row).flat());
}

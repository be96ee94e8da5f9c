import sharp from 'sharp';

import { blend, scaleBar } from '../../../adapters/dicom/results/colour-scale.js';
import { COLOURS, textOverlay, type Line } from '../../../adapters/dicom/results/page-text.js';
import type { Picture } from '../../../core/imaging/render-picture.js';
import type { HeatMap } from '../../../core/inference/heat-map.js';

/** Height of the caption in pixels; narrower pictures are given this much room. */
const CAPTION_HEIGHT = 78;
const MIN_WIDTH = 520;
const MARGIN = 8;
const SCALE = { width: 120, height: 9 };

export interface Caption {
  readonly finding: string;
  readonly probability: number;
  readonly threshold: number;
  readonly model: string;
}

/** A PNG: the picture with the heat on it, below it what it is and a scale. Holds nothing of the patient. */
export async function drawHeatMap(
  picture: Picture,
  heatMap: HeatMap,
  caption: Caption,
): Promise<Buffer> {
  const { grey, width, height } = picture;
  const fullWidth = Math.max(width, MIN_WIDTH);
  const blended = blend(grey, heatMap.heat);
  const scaleLeft = fullWidth - SCALE.width - 12;
  return sharp({
    create: {
      width: fullWidth,
      height: height + CAPTION_HEIGHT,
      channels: 3,
      background: '#000000',
    },
  })
    .composite([
      {
        input: Buffer.from(blended.buffer),
        raw: { width, height, channels: 3 },
        left: Math.floor((fullWidth - width) / 2),
        top: 0,
      },
      {
        input: scaleBar(SCALE),
        raw: { ...SCALE, channels: 3 },
        left: scaleLeft,
        top: height + 46,
      },
      ...captionLines(caption, heatMap.max, scaleLeft).map(({ top, ...line }) =>
        textOverlay({ ...line, top: height + top }),
      ),
    ])
    .removeAlpha()
    .png()
    .toBuffer();
}

function captionLines(
  { finding, probability, threshold, model }: Caption,
  max: number,
  scaleLeft: number,
): readonly Line[] {
  const heading = `${finding}: ${probability.toFixed(3)} (flagged from ${threshold.toFixed(3)})`;
  const faint = { size: 11, colour: COLOURS.faint };
  return [
    { text: heading, left: MARGIN, top: 4, size: 15 },
    {
      text: `${model}. Where the score came from, coarsely: no outline of disease.`,
      left: MARGIN,
      top: 26,
      size: 12,
    },
    {
      text: 'AI output, not reviewed. Research and evaluation only.',
      left: MARGIN,
      top: 46,
      size: 12,
    },
    { text: '0', left: scaleLeft, top: 57, ...faint },
    { text: `+${max.toFixed(2)} logit`, left: scaleLeft + 56, top: 57, ...faint },
  ];
}

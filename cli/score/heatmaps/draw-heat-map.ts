import sharp from 'sharp';

import { blend, INFERNO } from '../../../adapters/dicom/results/colour-scale.js';
import { escapeMarkup } from '../../../core/evaluation/report/markup.js';
import type { Picture } from '../../../core/imaging/render-picture.js';
import type { HeatMap } from '../../../core/inference/heat-map.js';

/** Height of the caption in pixels; narrower pictures are given this much room. */
const CAPTION_HEIGHT = 74;
const MIN_WIDTH = 520;
const BAR_WIDTH = 120;

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
      { input: Buffer.from(captionMarkup(fullWidth, caption, heatMap.max)), left: 0, top: height },
    ])
    .removeAlpha()
    .png()
    .toBuffer();
}

function captionMarkup(width: number, caption: Caption, max: number): string {
  const { finding, probability, threshold, model } = caption;
  const lines = [
    `${finding}: ${probability.toFixed(3)} (flagged from ${threshold.toFixed(3)})`,
    `${model}. Where the score came from, coarsely: no outline of disease.`,
    'AI output, not reviewed. Research and evaluation only.',
  ];
  const texts = lines.map(
    (line, at) =>
      `<text x="8" y="${18 + 20 * at}" fill="#fff" font-size="${at === 0 ? 15 : 12}">${escapeMarkup(line)}</text>`,
  );
  const stops = Array.from({ length: 9 }, (_, at) => {
    const colour = 3 * Math.round((at / 8) * 255);
    const rgb = [...INFERNO.subarray(colour, colour + 3)].join(',');
    return `<stop offset="${at / 8}" stop-color="rgb(${rgb})"/>`;
  });
  const left = width - BAR_WIDTH - 12;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${CAPTION_HEIGHT}" font-family="sans-serif">` +
    `<defs><linearGradient id="scale">${stops.join('')}</linearGradient></defs>` +
    texts.join('') +
    `<rect x="${left}" y="46" width="${BAR_WIDTH}" height="9" fill="url(#scale)" stroke="#888"/>` +
    `<text x="${left}" y="68" fill="#ccc" font-size="11">0</text>` +
    `<text x="${left + BAR_WIDTH}" y="68" fill="#ccc" font-size="11" text-anchor="end">+${max.toFixed(2)} logit</text>` +
    '</svg>'
  );
}

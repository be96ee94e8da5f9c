import type { RgbPage } from '../../../core/delivery/dicom/secondary-capture.js';
import { heatMapOn } from '../../../core/inference/heat-map.js';
import { camsOfRecord } from '../../../core/inference/record-heat-maps.js';
import type { FindingScore } from '../../../core/results/finding-score.js';
import type { HeatMapRecord } from '../../../core/results/heat-map-record.js';
import type { ModelProvenance } from '../../../core/results/outcome.js';
import type { ShownPicture } from '../rendering/image-task.js';
import { blend, scaleBar } from './colour-scale.js';
import { COLOURS, DISCLAIMERS, textOverlay, type Line } from './page-text.js';

const WIDTH = 1000;
const HEIGHT = 1280;
const MARGIN = 40;
const PICTURE = WIDTH - 2 * MARGIN;
const PICTURE_TOP = 110;
const CAPTION_TOP = PICTURE_TOP + PICTURE + 16;
const SCALE = { width: 256, height: 12 };

const WORDS = {
  en: {
    threshold: 'flagged from',
    meaning:
      'Where the score came from, coarsely: no outline of disease, and no statement of a side.',
  },
  vi: {
    threshold: 'đánh dấu từ',
    meaning:
      'Điểm số xuất phát từ đâu, một cách thô: không phải đường viền tổn thương, không nói về bên phải hay trái.',
  },
} as const;

/**
 * The image with one finding's map on it, below it the scale and what it means. It names no patient.
 */
export async function drawHeatMapPage(
  finding: FindingScore,
  model: ModelProvenance,
  record: HeatMapRecord,
  shown: ShownPicture,
  language: keyof typeof WORDS,
): Promise<RgbPage> {
  const { default: sharp } = await import('sharp');
  const { width, height, channels, pixelAspectRatio } = shown;
  const tall = height * pixelAspectRatio;
  const scale = PICTURE / Math.max(width, tall);
  const size = { width: Math.round(width * scale), height: Math.round(tall * scale) };
  const grey = await sharp(shown.pixels, { raw: { width, height, channels } })
    .resize({ ...size, fit: 'fill' })
    .toColourspace('b-w')
    .raw()
    .toBuffer();
  const crop = {
    x0: record.crop.left * size.width,
    y0: record.crop.top * size.height,
    columns: record.crop.width * size.width,
    rows: record.crop.height * size.height,
  };
  const { heat } = heatMapOn({ grey, ...size, crop }, camsOfRecord(record), 0);
  const words = WORDS[language];
  const lines: Line[] = [
    {
      text: finding.display[language],
      left: MARGIN,
      top: 28,
      size: 30,
      bold: true,
      colour: COLOURS.flag,
    },
    {
      text: `${finding.probability.toFixed(3)} (${words.threshold} ${finding.threshold.toFixed(3)})`,
      left: MARGIN + 460,
      top: 34,
      size: 22,
    },
    {
      text: `${model.name} ${model.version}`,
      left: MARGIN,
      top: 74,
      size: 16,
      colour: COLOURS.faint,
    },
    { text: '0', left: MARGIN, top: CAPTION_TOP + 18, size: 14, colour: COLOURS.faint },
    {
      text: `+${record.max.toFixed(2)} logit`,
      left: MARGIN + SCALE.width - 40,
      top: CAPTION_TOP + 18,
      size: 14,
      colour: COLOURS.faint,
    },
    {
      text: words.meaning,
      left: MARGIN + SCALE.width + 80,
      top: CAPTION_TOP - 4,
      size: 16,
      width: PICTURE - SCALE.width - 80,
    },
    ...DISCLAIMERS.map((text, index) => ({
      text,
      left: MARGIN,
      top: CAPTION_TOP + 58 + index * 72,
      size: 16,
      colour: COLOURS.flag,
      width: PICTURE,
    })),
  ];
  const { data, info } = await sharp({
    create: { width: WIDTH, height: HEIGHT, channels: 3, background: COLOURS.background },
  })
    .composite([
      {
        input: Buffer.from(blend(grey, heat).buffer),
        raw: { ...size, channels: 3 },
        left: Math.floor((WIDTH - size.width) / 2),
        top: PICTURE_TOP + Math.floor((PICTURE - size.height) / 2),
      },
      {
        input: scaleBar(SCALE),
        raw: { ...SCALE, channels: 3 },
        left: MARGIN,
        top: CAPTION_TOP,
      },
      ...lines.map(textOverlay),
    ])
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, pixels: data };
}

import { createRequire } from 'node:module';

import type { OverlayOptions } from 'sharp';

import type { RgbPage } from '../../../core/delivery/dicom/secondary-capture.js';
import type { StudyResult } from '../../../core/results/study-result.js';
import type { ShownPicture } from '../rendering/image-task.js';

export type PageLanguage = 'en' | 'vi';

const WIDTH = 1280;
const HEIGHT = 960;
const MARGIN = 40;
const PICTURE = 560;
const TABLE_LEFT = 660;
const TABLE_TOP = 190;
const ROW = 38;
/** Further findings would run into the disclaimer; the report has them all. */
const MAX_ROWS = 15;
const COLOURS = { text: '#e8eaed', faint: '#9aa0a6', flag: '#ffb454', background: '#0b0d10' };

const WORDS = {
  en: {
    title: 'AI pre-read',
    finding: 'Finding',
    score: 'Score',
    threshold: 'Threshold',
    flagged: 'FLAGGED',
    notFlagged: 'not flagged',
    priority: { stat: 'Priority: STAT', urgent: 'Priority: URGENT', routine: 'Priority: routine' },
  },
  vi: {
    title: 'Đọc sơ bộ bằng AI',
    finding: 'Dấu hiệu',
    score: 'Điểm',
    threshold: 'Ngưỡng',
    flagged: 'CẦN XEM',
    notFlagged: 'không đánh dấu',
    priority: {
      stat: 'Ưu tiên: KHẨN CẤP',
      urgent: 'Ưu tiên: GẤP',
      routine: 'Ưu tiên: thường quy',
    },
  },
} as const;

/**
 * Ends every line unseen: text is cut to its ink, and lines with and without accents would not stand at
 * the same height.
 */
const STRUT = 'Ẫg';

/** Both, whatever the page's language: whoever reads it must be able to read this. */
const DISCLAIMERS = [
  'Research and evaluation only. Not reviewed by a radiologist. Not a diagnosis. A finding that is not flagged is not excluded.',
  'Chỉ dùng cho nghiên cứu và đánh giá. Chưa được bác sĩ chẩn đoán hình ảnh xem lại. Không phải là chẩn đoán. Dấu hiệu không được đánh dấu không có nghĩa là đã loại trừ.',
];

const require = createRequire(import.meta.url);
/** The page's own fonts: a server often has none, and text would be empty boxes. */
const FONT_FILE = require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf');

interface Line {
  readonly text: string;
  readonly left: number;
  readonly top: number;
  /** Height of the letters in pixels. */
  readonly size: number;
  readonly colour?: string;
  readonly bold?: boolean;
  readonly width?: number;
}

/**
 * The summary as a picture: the image, the findings with score and threshold, model and version, and the
 * sentence that this is no diagnosis. It names no patient.
 */
export async function drawSummaryPage(
  result: StudyResult,
  picture: ShownPicture,
  language: PageLanguage,
): Promise<RgbPage> {
  const { default: sharp } = await import('sharp');
  const { width, height, channels } = picture;
  const thumbnail = await sharp(picture.pixels, { raw: { width, height, channels } })
    .resize({ width: PICTURE, height: PICTURE, fit: 'inside' })
    .toColourspace('srgb')
    .png()
    .toBuffer({ resolveWithObject: true });
  const overlays: OverlayOptions[] = [
    {
      input: thumbnail.data,
      left: MARGIN + Math.round((PICTURE - thumbnail.info.width) / 2),
      top: TABLE_TOP - 50 + Math.round((PICTURE - thumbnail.info.height) / 2),
    },
    ...pageLines(result, language).map(({ left, top, ...line }) => ({
      left,
      top,
      input: { text: textInput(line) },
    })),
  ];
  const { data, info } = await sharp({
    create: { width: WIDTH, height: HEIGHT, channels: 3, background: COLOURS.background },
  })
    .composite(overlays)
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, pixels: data };
}

/** A page of the same size without anything on it, where its header alone is wanted. */
export function blankPage(): RgbPage {
  return { width: WIDTH, height: HEIGHT, pixels: new Uint8Array(3 * WIDTH * HEIGHT) };
}

function pageLines(result: StudyResult, language: PageLanguage): Line[] {
  const words = WORDS[language];
  const models = result.models.map(
    ({ name, version, sha256 }) => `${name} ${version} (${sha256.slice(0, 12)})`,
  );
  const { priority, flagged } = result.triage;
  return [
    { text: words.title, left: MARGIN, top: 36, size: 34, bold: true },
    {
      text: [...models, `${result.software.name} ${result.software.version}`].join(', '),
      left: MARGIN,
      top: 90,
      size: 17,
      colour: COLOURS.faint,
    },
    {
      text: words.priority[priority],
      left: TABLE_LEFT,
      top: 46,
      size: 24,
      bold: true,
      colour: flagged ? COLOURS.flag : COLOURS.text,
    },
    ...row(TABLE_TOP - 44, [words.finding, words.score, words.threshold, ''], COLOURS.faint, false),
    ...[...result.findings]
      .sort((a, b) => b.operatingPointScore - a.operatingPointScore)
      .slice(0, MAX_ROWS)
      .flatMap((finding, index) =>
        row(
          TABLE_TOP + index * ROW,
          [
            finding.display[language],
            finding.probability.toFixed(3),
            finding.threshold.toFixed(3),
            finding.flagged ? words.flagged : words.notFlagged,
          ],
          finding.flagged ? COLOURS.flag : COLOURS.text,
          finding.flagged,
        ),
      ),
    ...DISCLAIMERS.map((text, index) => ({
      text,
      left: MARGIN,
      top: HEIGHT - 150 + index * 60,
      size: 18,
      colour: COLOURS.flag,
      width: WIDTH - 2 * MARGIN,
    })),
  ];
}

function row(top: number, cells: readonly string[], colour: string, bold: boolean): Line[] {
  const lefts = [0, 255, 335, 425];
  return cells.flatMap((text, index) =>
    text === ''
      ? []
      : [{ text, left: TABLE_LEFT + (lefts[index] ?? 0), top, size: 18, colour, bold }],
  );
}

function textInput({
  text,
  size,
  colour = COLOURS.text,
  bold = false,
  width,
}: Omit<Line, 'left' | 'top'>) {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return {
    // At 72 dpi a point is a pixel; Pango's sizes are in 1024ths of a point.
    text: `<span foreground="${colour}" size="${size * 1024}"${bold ? ' weight="bold"' : ''}>${escaped}<span alpha="1">${STRUT}</span></span>`,
    font: 'DejaVu Sans',
    fontfile: FONT_FILE,
    dpi: 72,
    rgba: true,
    ...(width !== undefined && { width, wrap: 'word' as const }),
  };
}

import type { OverlayOptions } from 'sharp';

import type { RgbPage } from '../../../core/delivery/dicom/secondary-capture.js';
import { remarks } from '../../../core/delivery/remarks.js';
import type { StudyResult } from '../../../core/results/study-result.js';
import type { ShownPicture } from '../rendering/image-task.js';
import { COLOURS, DISCLAIMERS, textOverlay, type Line } from './page-text.js';

export type PageLanguage = 'en' | 'vi';

const WIDTH = 1280;
const HEIGHT = 960;
const MARGIN = 40;
const PICTURE = 560;
const TABLE_LEFT = 660;
const TABLE_TOP = 190;
const ROW = 38;
/** More would run into the disclaimer; the report has all of it. */
const MAX_REMARKS = 280;
/** Further findings would run into the disclaimer; the report has them all. */
const MAX_ROWS = 15;

const WORDS = {
  en: {
    title: 'AI pre-read',
    finding: 'Finding',
    score: 'Score',
    threshold: 'Threshold',
    remark: 'Note',
    flagged: 'FLAGGED',
    notFlagged: 'not flagged',
    priority: { stat: 'Priority: STAT', urgent: 'Priority: URGENT', routine: 'Priority: routine' },
  },
  vi: {
    title: 'Đọc sơ bộ bằng AI',
    finding: 'Dấu hiệu',
    score: 'Điểm',
    threshold: 'Ngưỡng',
    remark: 'Lưu ý',
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
    ...pageLines(result, language).map(textOverlay),
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
    ...remarkLines(result, words.remark),
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

/** What is to be known of the images stands below the picture. */
function remarkLines(result: StudyResult, word: string): Line[] {
  const said = remarks(result).join(' ');
  const text = said.length > MAX_REMARKS ? `${said.slice(0, MAX_REMARKS - 1)}…` : said;
  return said === ''
    ? []
    : [
        {
          text: `${word}: ${text}`,
          left: MARGIN,
          top: TABLE_TOP - 40 + PICTURE,
          size: 15,
          colour: COLOURS.flag,
          width: PICTURE,
        },
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

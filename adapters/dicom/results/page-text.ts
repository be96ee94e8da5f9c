import { createRequire } from 'node:module';

import type { OverlayOptions } from 'sharp';

import { escapeMarkup } from '../../../core/evaluation/report/markup.js';

export const COLOURS = {
  text: '#e8eaed',
  faint: '#9aa0a6',
  flag: '#ffb454',
  background: '#0b0d10',
};

/**
 * Ends every line unseen: text is cut to its ink, and lines with and without accents would not stand at
 * the same height.
 */
const STRUT = 'Ẫg';

/** Both, whatever the page's language: whoever reads it must be able to read this. */
export const DISCLAIMERS = [
  'Research and evaluation only. Not reviewed by a radiologist. Not a diagnosis. A finding that is not flagged is not excluded.',
  'Chỉ dùng cho nghiên cứu và đánh giá. Chưa được bác sĩ chẩn đoán hình ảnh xem lại. Không phải là chẩn đoán. Dấu hiệu không được đánh dấu không có nghĩa là đã loại trừ.',
];

const require = createRequire(import.meta.url);
/** The page's own fonts: a server often has none, and text would be empty boxes. */
const FONT_FILE = require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf');

export interface Line {
  readonly text: string;
  readonly left: number;
  readonly top: number;
  /** Height of the letters in pixels. */
  readonly size: number;
  readonly colour?: string;
  readonly bold?: boolean;
  readonly width?: number;
}

/** A line to be composed onto a page. */
export function textOverlay({ left, top, ...line }: Line): OverlayOptions {
  return { left, top, input: { text: textInput(line) } };
}

function textInput({
  text,
  size,
  colour = COLOURS.text,
  bold = false,
  width,
}: Omit<Line, 'left' | 'top'>) {
  return {
    // At 72 dpi a point is a pixel; Pango's sizes are in 1024ths of a point.
    text: `<span foreground="${colour}" size="${size * 1024}"${bold ? ' weight="bold"' : ''}>${escapeMarkup(text)}<span alpha="1">${STRUT}</span></span>`,
    font: 'DejaVu Sans',
    fontfile: FONT_FILE,
    dpi: 72,
    rgba: true,
    ...(width !== undefined && { width, wrap: 'word' as const }),
  };
}

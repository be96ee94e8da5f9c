import type { Random } from './random.js';

/** What differs from one healthy adult to the next. */
export interface Habitus {
  readonly sex: 'F' | 'M';
  /** Width, height and depth of the chest, relative to the drawing. */
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  /** Soft tissue outside the ribs, relative to the drawing. */
  readonly stoutness: number;
  /** Transverse heart diameter over inner chest diameter. */
  readonly cardiothoracicRatio: number;
  /** Height of the domes above the drawing's: a breath less deep. */
  readonly diaphragmRaisedMm: number;
  /** How steeply the ribs fall, relative to the drawing. */
  readonly ribSlope: number;
}

export function drawHabitus(random: Random, sex: 'F' | 'M'): Habitus {
  const scale = sex === 'F' ? 0.94 : 1;
  return {
    sex,
    width: scale * random.between(0.96, 1.04),
    height: scale * random.between(0.96, 1.04),
    depth: scale * random.between(0.94, 1.06),
    stoutness: random.between(0.85, 1.2),
    cardiothoracicRatio: random.between(0.42, 0.48),
    diaphragmRaisedMm: random.between(-6, 12),
    ribSlope: random.between(0.9, 1.12),
  };
}

import type { JoinKind, LabelledImage } from './label-format.js';

/** Deepest part of a path that is compared. */
const MAX_DEPTH = 6;
const IMAGE_EXTENSION = /\.(?:png|jpe?g|dcm|dicom|dic)$/i;

export interface ScoredKey {
  /** As in the score file. */
  readonly file: string;
  readonly SOPInstanceUID: string;
  readonly StudyInstanceUID: string;
}

export interface LabelIndex {
  /** How many last parts of the path are compared; 0 when the join is not by file. */
  readonly depth: number;
  /** Label rows that name no image, or one that an earlier row has; they are not used. */
  readonly repeated: readonly number[];
  /** The label row of a scored image; undefined when there is none. */
  find(scored: ScoredKey): number | undefined;
}

/**
 * Labels by what they are joined by. File names are compared without their extension, from the end of the path, as
 * many parts as are needed to tell the labels apart: `view1_frontal.jpg` names no image of CheXpert,
 * `patient00001/study1/view1_frontal.jpg` does.
 */
export function createLabelIndex(
  images: readonly Pick<LabelledImage, 'image'>[],
  join: JoinKind,
): LabelIndex {
  const depth = join === 'file' ? tellingDepth(images) : 0;
  const rows = new Map<string, number>();
  const repeated: number[] = [];
  for (const [row, { image }] of images.entries()) {
    const key = labelKey(image, join, depth);
    if (key === '' || rows.has(key)) {
      repeated.push(row);
    } else {
      rows.set(key, row);
    }
  }
  return {
    depth,
    repeated,
    find(scored) {
      for (const key of scoredKeys(scored, join, depth)) {
        const row = rows.get(key);
        if (row !== undefined) {
          return row;
        }
      }
      return undefined;
    },
  };
}

function tellingDepth(images: readonly Pick<LabelledImage, 'image'>[]): number {
  let best = { depth: 1, distinct: 0 };
  for (let depth = 1; depth <= MAX_DEPTH; depth += 1) {
    const { size } = new Set(images.map(({ image }) => pathEnd(image, depth)));
    if (size > best.distinct) {
      best = { depth, distinct: size };
    }
    if (size === images.length) {
      break;
    }
  }
  return best.depth;
}

function labelKey(image: string, join: JoinKind, depth: number): string {
  switch (join) {
    case 'file':
      return pathEnd(image, depth);
    case 'instance':
      return image;
    case 'study':
      // MIMIC-CXR: the study 50414267 lies in a folder s50414267.
      return image.replace(/^s(?=\d)/, '');
  }
}

function scoredKeys(scored: ScoredKey, join: JoinKind, depth: number): readonly string[] {
  switch (join) {
    case 'file':
      return [pathEnd(scored.file, depth)];
    case 'instance':
      return [scored.SOPInstanceUID];
    case 'study':
      return [
        scored.StudyInstanceUID,
        ...scored.file.split(/[/\\]/).flatMap((part) => /^s(\d+)$/.exec(part)?.[1] ?? []),
      ].filter((key) => key !== '');
  }
}

/** The last parts of a path, without the extension of an image. */
function pathEnd(path: string, depth: number): string {
  return path.replace(IMAGE_EXTENSION, '').split(/[/\\]/).slice(-depth).join('/');
}

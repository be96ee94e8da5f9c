import { readFile } from 'node:fs/promises';

/** Study, series and SOP instance: UIDs of one length, so that a copy is the file with other digits in it. */
const UID_LENGTH = 43;
const DIGITS = UID_LENGTH - '2.25.'.length;

export interface StudyCopy {
  readonly StudyInstanceUID: string;
  /** One Part 10 file; until its copier makes the next one. */
  readonly bytes: Buffer;
}

/**
 * Makes what writes copies, each into one buffer of its own: a copy costs its UIDs. Copies with the same serial number
 * are the images of one study, told apart by `image`.
 */
export type StudyCopier = () => (serial: number, image?: number) => StudyCopy;

export const MAX_IMAGES = 100;

/** The `2.25.` UID of a whole number below 10^30 (PS3.5 B.2). */
export function copyUid(serial: number, kind: 1 | 2 | 3): string {
  return `2.25.${kind}${String(serial).padStart(DIGITS - 1, '0')}`;
}

/** UIDs to give to the file that is copied: number 0. */
export const ORIGINAL_UIDS = {
  StudyInstanceUID: copyUid(0, 1),
  SeriesInstanceUID: copyUid(0, 2),
  SOPInstanceUID: copyUid(0, 3),
} as const;

/** Studies, as many as are asked for, of one file with `ORIGINAL_UIDS`. */
export async function studyCopier(path: string): Promise<StudyCopier> {
  const original = await readFile(path);
  const places = Object.values(ORIGINAL_UIDS).flatMap((uid, index) =>
    placesOf(original, uid).map((offset) => ({ offset, kind: (index + 1) as 1 | 2 | 3 })),
  );
  return () => {
    const bytes = Buffer.from(original);
    return (serial, image = 0) => {
      for (const { offset, kind } of places) {
        const number = kind === 3 ? serial * MAX_IMAGES + image : serial;
        bytes.write(copyUid(number, kind), offset, 'latin1');
      }
      return { StudyInstanceUID: copyUid(serial, 1), bytes };
    };
  };
}

function placesOf(bytes: Buffer, text: string): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + text.length)) {
    places.push(at);
  }
  return places;
}

import { setImmediate } from 'node:timers/promises';

import type { DicomUid } from '../../core/dicom/uid.js';
import type { RadiographView } from './chest-header.js';
import { DEMO_CASES, type DemoCase } from './demo-cases.js';
import { encodeJpegBaseline } from './jpeg-baseline.js';
import {
  chestRadiograph,
  EXPLICIT_VR_LITTLE_ENDIAN,
  IMPLICIT_VR_LITTLE_ENDIAN,
} from './phantom-dicom.js';
import { createRandom } from './random.js';
import { thoraxPhantom, type PhantomImage } from './thorax-phantom.js';
import { uidFromName } from '../../core/dicom/uid.js';

export const DEMO_SYNTAXES = ['explicit', 'implicit', 'jpeg-baseline'] as const;
export type DemoSyntax = (typeof DEMO_SYNTAXES)[number];

export interface DemoOptions {
  /** The same seed gives the same patients, pictures and UIDs. */
  readonly seed: string | number;
  /** Studies to make; the cases repeat with other builds and other UIDs when they run out. */
  readonly count: number;
  readonly Rows?: number;
  readonly Columns?: number;
  readonly syntax?: DemoSyntax;
  /** When the studies were taken. The first of January 2025, noon, when left out. */
  readonly takenAt?: Date;
}

interface DemoInstance {
  readonly SOPInstanceUID: DicomUid;
  readonly view: RadiographView;
  /** The DICOM Part 10 file. */
  readonly bytes: Buffer;
}

export interface DemoStudy {
  readonly StudyInstanceUID: DicomUid;
  readonly name: string;
  readonly finding: string;
  readonly RequestedProcedurePriority: DemoCase['RequestedProcedurePriority'];
  readonly instances: readonly DemoInstance[];
}

/** The studies of the demonstration, each as soon as it is computed. */
export async function* demoStudies(options: DemoOptions): AsyncGenerator<DemoStudy> {
  for (let index = 0; index < options.count; index += 1) {
    const demoCase = DEMO_CASES[index % DEMO_CASES.length]!;
    const StudyInstanceUID = uidFromName('preread demo', options.seed, index);
    const instances: DemoInstance[] = [];
    for (const [viewIndex, view] of demoCase.views.entries()) {
      // An image takes about a second of computing: let timers and sockets have their turn.
      await setImmediate();
      const SOPInstanceUID = uidFromName('preread demo', options.seed, index, view);
      const bytes = await demoInstance(options, demoCase, index, view, viewIndex);
      instances.push({ SOPInstanceUID, view, bytes });
    }
    yield {
      StudyInstanceUID,
      name: demoCase.name,
      finding: demoCase.finding,
      RequestedProcedurePriority: demoCase.RequestedProcedurePriority,
      instances,
    };
  }
}

async function demoInstance(
  options: DemoOptions,
  demoCase: DemoCase,
  index: number,
  view: RadiographView,
  viewIndex: number,
): Promise<Buffer> {
  const { seed, Rows, Columns, syntax = 'explicit' } = options;
  const { kind, pathology, sex, PhotometricInterpretation } = demoCase;
  // Both views of a study are of the same patient, so they share the stream that draws him.
  const image = thoraxPhantom(createRandom(`${seed}/${index}`), {
    ...(Rows !== undefined && { Rows }),
    ...(Columns !== undefined && { Columns }),
    view,
    sex,
    pathology,
    PhotometricInterpretation,
  });
  const takenAt = new Date(
    (options.takenAt?.getTime() ?? Date.UTC(2025, 0, 1, 12)) + index * 420_000,
  );
  const [date, time] = dicomDateAndTime(takenAt);
  const description = {
    kind,
    view,
    patient: {
      PatientName: demoCase.PatientName,
      PatientID: `PHANTOM-${String(index + 1).padStart(4, '0')}`,
      PatientSex: sex,
      PatientBirthDate: `${takenAt.getUTCFullYear() - demoCase.ageYears}0101`,
      PatientAge: `${String(demoCase.ageYears).padStart(3, '0')}Y`,
    },
    StudyInstanceUID: uidFromName('preread demo', seed, index),
    SeriesInstanceUID: uidFromName('preread demo', seed, index, view, 'series'),
    SOPInstanceUID: uidFromName('preread demo', seed, index, view),
    AccessionNumber: `PH${String(index + 1).padStart(6, '0')}`,
    SeriesNumber: viewIndex + 1,
    InstanceNumber: 1,
    date,
    time,
    imagerPixelSpacingMm: image.imagerPixelSpacingMm,
    windowCenter: image.windowCenter,
    windowWidth: image.windowWidth,
    ...(demoCase.RequestedProcedurePriority && {
      RequestedProcedurePriority: demoCase.RequestedProcedurePriority,
    }),
  };
  if (syntax === 'jpeg-baseline') {
    return chestRadiograph(await encodeJpegBaseline(image), eightBits(description, image));
  }
  return chestRadiograph(
    image,
    description,
    {},
    syntax === 'implicit' ? IMPLICIT_VR_LITTLE_ENDIAN : EXPLICIT_VR_LITTLE_ENDIAN,
  );
}

/** The window for stored values of which the lowest bits are gone. */
function eightBits<T extends object>(description: T, image: PhantomImage): T {
  const scale = 2 ** (image.BitsStored - 8);
  return {
    ...description,
    windowCenter: image.windowCenter / scale,
    windowWidth: image.windowWidth / scale,
  };
}

function dicomDateAndTime(when: Date): [date: string, time: string] {
  const digits = when.toISOString().replace(/[-:]/g, '');
  return [digits.slice(0, 8), digits.slice(9, 15)];
}

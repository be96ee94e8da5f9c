import { uidFromName } from '../../core/dicom/uid.js';
import { chestRadiograph } from '../../scripts/phantom/phantom-dicom.js';
import { createRandom } from '../../scripts/phantom/random.js';
import { thoraxPhantom } from '../../scripts/phantom/thorax-phantom.js';

export interface ChestImage {
  readonly StudyInstanceUID: string;
  readonly SOPInstanceUID: string;
  /** A Part 10 file. */
  readonly bytes: Buffer;
}

const SIDE_PIXELS = 256;

/**
 * Chest images as fast as they can be sent: one picture, computed once, under as many UIDs as are asked for.
 *
 * @param seed the same one gives the same UIDs
 */
export function createChestImages(
  seed: string,
): (study: number, instance: number, stat: boolean) => ChestImage {
  const picture = thoraxPhantom(createRandom(seed), {
    Rows: SIDE_PIXELS,
    Columns: SIDE_PIXELS,
    view: 'PA',
    sex: 'F',
    pathology: { kind: 'none' },
    PhotometricInterpretation: 'MONOCHROME2',
  });
  return (study, instance, stat) => {
    const uids = {
      StudyInstanceUID: uidFromName('chaos', seed, study),
      SOPInstanceUID: uidFromName('chaos', seed, study, instance),
    };
    const bytes = chestRadiograph(picture, {
      kind: 'DX',
      view: 'PA',
      patient: {
        PatientName: 'Phantom^Chaos',
        PatientID: `CHAOS-${study}`,
        PatientSex: 'F',
        PatientBirthDate: '19700101',
        PatientAge: '055Y',
      },
      ...uids,
      SeriesInstanceUID: uidFromName('chaos', seed, study, 'series'),
      AccessionNumber: `C${study}`,
      SeriesNumber: 1,
      InstanceNumber: instance + 1,
      date: '20250101',
      time: '120000',
      imagerPixelSpacingMm: picture.imagerPixelSpacingMm,
      windowCenter: picture.windowCenter,
      windowWidth: picture.windowWidth,
      ...(stat && { RequestedProcedurePriority: 'STAT' as const }),
    });
    return { ...uids, bytes };
  };
}

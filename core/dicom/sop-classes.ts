/**
 * The SOP Classes that we accept, and what we do with them. Source: PS3.4 B.5, PS3.6 Annex A.
 *
 * - `analyse`: inferred unless a gate says no.
 * - `secondary-capture`: inferred when it is a converted radiograph, by the site's policy.
 * - `for-processing`: raw detector data; stored and answered with an outcome, never inferred.
 */
export const ACCEPTED_SOP_CLASSES = {
  '1.2.840.10008.5.1.4.1.1.1': { keyword: 'ComputedRadiographyImageStorage', use: 'analyse' },
  '1.2.840.10008.5.1.4.1.1.1.1': {
    keyword: 'DigitalXRayImageStorageForPresentation',
    use: 'analyse',
  },
  '1.2.840.10008.5.1.4.1.1.1.1.1': {
    keyword: 'DigitalXRayImageStorageForProcessing',
    use: 'for-processing',
  },
  '1.2.840.10008.5.1.4.1.1.7': {
    keyword: 'SecondaryCaptureImageStorage',
    use: 'secondary-capture',
  },
} as const;

export type AcceptedSopClass = keyof typeof ACCEPTED_SOP_CLASSES;

export function isAcceptedSopClass(uid: string): uid is AcceptedSopClass {
  return Object.hasOwn(ACCEPTED_SOP_CLASSES, uid);
}

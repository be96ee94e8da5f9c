import type { ResultObject } from '../destination.js';

/** The SOP Classes of what we make. Source: PS3.4 B.5, PS3.6 Annex A. */
export const SENT_SOP_CLASSES = {
  comprehensive3DSR: '1.2.840.10008.5.1.4.1.1.88.34',
  comprehensiveSR: '1.2.840.10008.5.1.4.1.1.88.33',
  secondaryCaptureImage: '1.2.840.10008.5.1.4.1.1.7',
  keyObjectSelectionDocument: '1.2.840.10008.5.1.4.1.1.88.59',
  grayscaleSoftcopyPresentationState: '1.2.840.10008.5.1.4.1.1.11.1',
} as const;

/** Which destinations send which: their setting `objects`, for the documentation. */
export const SENT_AS: Readonly<Record<keyof typeof SENT_SOP_CLASSES, readonly ResultObject[]>> = {
  comprehensive3DSR: ['sr'],
  comprehensiveSR: ['sr'],
  secondaryCaptureImage: ['sc', 'heatmap'],
  keyObjectSelectionDocument: ['kos'],
  grayscaleSoftcopyPresentationState: ['gsps'],
};

import { z } from 'zod';

import { findDataSet } from '../../adapters/dicom/file-meta.js';
import { openPeer } from '../support/dimse-peer.js';
import { stow } from '../support/stow.js';
import type { ChestImage } from './chest-images.js';

/** A way into the pipeline. */
export interface Road {
  readonly name: string;
  readonly send: SendImages;
}

/** Sends images and calls `stored` for each that was answered with success. Throws when the road is blocked. */
type SendImages = (
  images: readonly ChestImage[],
  stored: (image: ChestImage) => void,
) => Promise<void>;

const DIGITAL_X_RAY_FOR_PRESENTATION = '1.2.840.10008.5.1.4.1.1.1.1';
const EXPLICIT_VR_LITTLE_ENDIAN = '1.2.840.10008.1.2.1';

const responseSchema = z.object({
  '00081199': z
    .object({ Value: z.array(z.object({ '00081155': z.object({ Value: z.array(z.string()) }) })) })
    .optional(),
});

/** All images in one STOW-RS request. */
export function stowRoad(url: string): Road {
  const send: SendImages = async (images, stored) => {
    const { status, text } = await stow(
      url,
      images.map(({ bytes }) => bytes),
    );
    if (status !== 200 && status !== 202) {
      throw new Error(`answered with ${status}`);
    }
    const answer = responseSchema.parse(JSON.parse(text));
    const uids = new Set(answer['00081199']?.Value.flatMap((item) => item['00081155'].Value) ?? []);
    images.filter(({ SOPInstanceUID }) => uids.has(SOPInstanceUID)).forEach(stored);
  };
  return { name: 'STOW-RS', send };
}

/**
 * All images on one association.
 *
 * @param breakOff drawn before each image: the sender cuts the line instead of waiting for the answer
 */
export function storeRoad(port: number, breakOff: () => boolean): Road {
  const send: SendImages = async (images, stored) => {
    const SOPClassUID = DIGITAL_X_RAY_FOR_PRESENTATION;
    const peer = await openPeer(
      port,
      [{ abstractSyntax: SOPClassUID, transferSyntaxes: [EXPLICIT_VR_LITTLE_ENDIAN] }],
      { aeTitle: 'CHAOS' },
    );
    try {
      for (const image of images) {
        const dataSet = image.bytes.subarray(findDataSet(image.bytes, false)?.offset);
        const answer = peer.store(1, {
          SOPClassUID,
          SOPInstanceUID: image.SOPInstanceUID,
          dataSet,
        });
        if (breakOff()) {
          peer.socket.destroy();
        }
        if ((await answer).Status === 0) {
          stored(image);
        }
      }
      await peer.association.release();
    } finally {
      peer.socket.destroy();
    }
  };
  return { name: 'C-STORE', send };
}

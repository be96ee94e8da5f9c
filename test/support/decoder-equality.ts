import { readFile } from 'node:fs/promises';

import { decodeFrame } from '../../adapters/dicom/decode-frame.js';
import { readDicom } from '../../adapters/dicom/read-dicom.js';
import type { PixelHeader } from '../../core/dicom/instance-header.js';
import { isTransferSyntax, TRANSFER_SYNTAXES } from '../../core/dicom/transfer-syntaxes.js';
import { PipelineError } from '../../core/errors.js';
import { PEER_DECODERS } from './peer-decoders.js';
import type { PeerDecoderName, PeerFrame } from './peer-decoders.js';

export interface Comparison {
  readonly syntax: string;
  readonly header: PixelHeader | undefined;
  /** The error code where we refuse. */
  readonly refusal: string | undefined;
  readonly peers: Readonly<Partial<Record<PeerDecoderName, PeerVerdict>>>;
}

export type PeerVerdict =
  | { readonly kind: 'compared'; readonly largest: number; readonly different: number }
  | { readonly kind: 'refused'; readonly reason: string };

/** Our first frame of a file against that of every peer that knows its transfer syntax. */
export async function compareWithPeers(path: string, scratch: string): Promise<Comparison> {
  const bytes = await readFile(path);
  const object = readDicom(bytes, { bare: true });
  const { TransferSyntaxUID } = object.header;
  const uid: string = TransferSyntaxUID;
  const syntax = isTransferSyntax(uid) ? TRANSFER_SYNTAXES[uid].keyword : uid;
  let ours;
  try {
    ours = await decodeFrame({ ...object, TransferSyntaxUID }, 0, { maxPixels: 1e8 });
  } catch (error) {
    if (!(error instanceof PipelineError)) {
      throw error;
    }
    return { syntax, header: object.pixels, refusal: error.code, peers: {} };
  }
  const peers: Partial<Record<PeerDecoderName, PeerVerdict>> = {};
  const frames = Object.entries(PEER_DECODERS).map(
    async ([name, decode]) => [name, await decode(path, scratch)] as const,
  );
  for (const [name, frame] of await Promise.all(frames)) {
    if (frame !== undefined) {
      peers[name as PeerDecoderName] =
        frame.kind === 'refused' ? frame : compare(ours.pixels, frame, object.pixels);
    }
  }
  return { syntax, header: object.pixels, refusal: undefined, peers };
}

function compare(
  ours: ArrayLike<number>,
  frame: Extract<PeerFrame, { kind: 'decoded' }>,
  header: PixelHeader,
): PeerVerdict {
  const { BitsStored, HighBit, PixelRepresentation } = header;
  const scale = 2 ** (HighBit + 1 - BitsStored);
  const range = 2 ** BitsStored;
  let largest = 0;
  let different = 0;
  const samples = greySamples(frame, ours.length);
  for (let index = 0; index < ours.length; index += 1) {
    // Overlay bits away, then two's complement: PS3.5 8.1.1, in plain arithmetic.
    const stored = Math.floor((samples[index] ?? NaN) / scale) % range;
    const expected = PixelRepresentation === 1 && stored >= range / 2 ? stored - range : stored;
    const difference = Math.abs((ours[index] ?? NaN) - expected);
    if (!(difference === 0)) {
      different += 1;
      largest = Math.max(largest, Number.isNaN(difference) ? Infinity : difference);
    }
  }
  return { kind: 'compared', largest, different };
}

/** Colour as luma (ITU-R BT.601); palettes are looked up by their own test. */
function greySamples(
  { samples, components, PhotometricInterpretation }: Extract<PeerFrame, { kind: 'decoded' }>,
  pixels: number,
): Float64Array {
  if (components === 1) {
    return samples;
  }
  return Float64Array.from({ length: pixels }, (_, index) => {
    if (components === 2) {
      return samples[(index >> 1) * 4 + (index & 1)] ?? NaN;
    }
    const at = 3 * index;
    const first = samples[at] ?? NaN;
    // GDCM hands out RGB under the name of the codestream's transform.
    return PhotometricInterpretation.startsWith('YBR_FULL')
      ? first
      : Math.round(
          0.299 * first + 0.587 * (samples[at + 1] ?? NaN) + 0.114 * (samples[at + 2] ?? NaN),
        );
  });
}

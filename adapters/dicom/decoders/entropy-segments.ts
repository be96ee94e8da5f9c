import { PipelineError } from '../../../core/errors.js';

/** One entropy-coded segment (between restart markers), without byte stuffing. */
export interface EntropySegment {
  /** The data, followed by `padding` zero bytes so that readers may look ahead. */
  readonly bytes: Uint8Array;
  /** Bytes of data, without the padding. */
  readonly length: number;
}

export interface EntropyScan {
  readonly segments: readonly EntropySegment[];
  /** Offset of the marker that ended the scan. */
  readonly end: number;
}

/**
 * Splits a scan's data at RSTm markers and removes the zero bytes stuffed behind FF. Source: T.81 B.1.1.5,
 * F.1.2.3. Throws `pixel-data-corrupt` when the stream ends before a marker ends the scan.
 */
export function readEntropyScan(stream: Uint8Array, start: number, padding: number): EntropyScan {
  const segments: EntropySegment[] = [];
  let bytes = new Uint8Array(stream.length - start + padding);
  let length = 0;
  let from = start;
  for (;;) {
    const at = stream.indexOf(0xff, from);
    if (at < 0 || at + 1 >= stream.length) {
      throw new PipelineError('pixel-data-corrupt', 'The JPEG scan is cut off.');
    }
    bytes.set(stream.subarray(from, at), length);
    length += at - from;
    // Inside the stream by the check above.
    const next = stream[at + 1]!;
    if (next === 0x00) {
      bytes[length] = 0xff;
      length += 1;
      from = at + 2;
    } else if (next === 0xff) {
      from = at + 1; // fill byte before a marker
    } else {
      segments.push({ bytes: bytes.subarray(0, length + padding), length });
      if (next < 0xd0 || next > 0xd7) {
        return { segments, end: at };
      }
      from = at + 2;
      bytes = new Uint8Array(stream.length - from + padding);
      length = 0;
    }
  }
}

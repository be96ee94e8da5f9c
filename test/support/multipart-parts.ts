import { Readable } from 'node:stream';

import { parseMediaType } from '../../services/ingest-http/http/media-type.js';
import { readMultipart } from '../../services/ingest-http/http/multipart.js';

export interface ReceivedPart {
  readonly contentType: string;
  readonly bytes: Buffer;
}

/** The parts of a `multipart/related` answer. */
export async function partsOf(response: Response): Promise<readonly ReceivedPart[]> {
  const boundary = parseMediaType(response.headers.get('content-type') ?? '')?.parameters.get(
    'boundary',
  );
  const body = Readable.from([Buffer.from(await response.arrayBuffer())]);
  const parts: ReceivedPart[] = [];
  for await (const part of readMultipart(body, boundary ?? '')) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of part.body) {
      chunks.push(chunk);
    }
    parts.push({
      contentType: part.headers.get('content-type') ?? '',
      bytes: Buffer.concat(chunks),
    });
  }
  return parts;
}

import { Readable } from 'node:stream';

import { ERRORS, PipelineError } from '../../core/errors.js';
import type { ErrorCode } from '../../core/errors.js';
import type { ServerConnection } from '../remote/server-connection.js';

/**
 * Sends one file by STOW-RS, as a stream.
 * @throws PipelineError what the server says of the object, or why it cannot be reached
 */
export async function sendFile(
  server: ServerConnection,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  const response = await server.request('/dicom-web/studies', {
    method: 'POST',
    headers: { 'Content-Type': 'application/dicom' },
    body: Readable.toWeb(Readable.from(bytes)),
    duplex: 'half',
  });
  const { status } = response;
  // Read whole, so that the connection can be used again.
  await response.arrayBuffer();
  if (status === 200) {
    return;
  }
  // An answer about an object has the error in words in this header.
  const [, code = '', message = ''] =
    /^299 preread "([a-z-]+): (.*)"$/.exec(response.headers.get('warning') ?? '') ?? [];
  if (isErrorCode(code)) {
    throw new PipelineError(code, message);
  }
  throw new PipelineError(ofStatus(status), `The server answered ${status}.`);
}

function ofStatus(status: number): ErrorCode {
  switch (status) {
    case 401:
      return 'unauthenticated';
    case 403:
      return 'forbidden';
    case 413:
      return 'payload-too-large';
    case 429:
      return 'rate-limited';
    default:
      return status >= 500 ? 'server-unreachable' : 'request-invalid';
  }
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

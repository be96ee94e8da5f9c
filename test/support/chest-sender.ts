import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

import { uidFromHex128 } from '../../core/dicom/uid.js';
import { chestFile } from './build-dicom.js';
import type { Elements } from './build-dicom.js';

/** A name that no log, error or answer may hold; each object made here carries it. */
export const PATIENT_NAME = 'Tran^Thi Bich Ngoc';
export const PATIENT_ID = 'MRN-20834417';
export const ACCESSION_NUMBER = 'ACC-77120943';

export interface ChestObject {
  readonly bytes: Buffer;
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  readonly SOPInstanceUID: string;
}

export function newUid(): string {
  return uidFromHex128(randomBytes(16).toString('hex'));
}

/** A small chest radiograph with new UIDs and a patient. */
export function newChest(
  uids: Partial<Omit<ChestObject, 'bytes'>> = {},
  overrides: Elements = {},
): ChestObject {
  const identity = {
    StudyInstanceUID: uids.StudyInstanceUID ?? newUid(),
    SeriesInstanceUID: uids.SeriesInstanceUID ?? newUid(),
    SOPInstanceUID: uids.SOPInstanceUID ?? newUid(),
  };
  const bytes = chestFile({
    '00080018': ['UI', identity.SOPInstanceUID],
    '00080050': ['SH', ACCESSION_NUMBER],
    '00100010': ['PN', PATIENT_NAME],
    '00100020': ['LO', PATIENT_ID],
    '0020000d': ['UI', identity.StudyInstanceUID],
    '0020000e': ['UI', identity.SeriesInstanceUID],
    ...overrides,
  });
  return { ...identity, bytes };
}

export const BOUNDARY = 'preread-test-boundary';
export const MULTIPART = `multipart/related; type="application/dicom"; boundary=${BOUNDARY}`;

export function partHead(headers = 'Content-Type: application/dicom'): Buffer {
  return Buffer.from(`--${BOUNDARY}\r\n${headers}\r\n\r\n`);
}

export const CLOSE = Buffer.from(`--${BOUNDARY}--\r\n`);

/** A multipart body as every sender writes it. */
export function multipart(...objects: readonly Uint8Array[]): Buffer {
  const parts = objects.flatMap((bytes) => [partHead(), bytes, Buffer.from('\r\n')]);
  return Buffer.concat([...parts, CLOSE]);
}

export interface RawResponse {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

/** A connection on which requests are written byte by byte. */
export interface RawConnection {
  readonly socket: Socket;
  /** Resolves when the bytes are on their way, so that a slow server slows the caller. */
  write(bytes: Uint8Array | string): Promise<void>;
  /** The next whole response with a Content-Length. Rejects when the connection ends before. */
  response(): Promise<RawResponse>;
}

export async function openConnection(port: number): Promise<RawConnection> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let received = Buffer.alloc(0);
  let ended = false;
  let wake = () => {};
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    wake();
  });
  const end = () => {
    ended = true;
    wake();
  };
  socket.on('end', end).on('close', end).on('error', end);
  return {
    socket,
    write: (bytes) =>
      new Promise((resolve) => {
        socket.write(bytes, () => {
          resolve();
        });
      }),
    async response() {
      for (;;) {
        const parsed = parseResponse(received);
        if (parsed) {
          received = received.subarray(parsed.length);
          return parsed.response;
        }
        if (ended) {
          throw new Error(`the connection ended after ${received.length} bytes of an answer`);
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

export function requestHead(
  path: string,
  headers: Readonly<Record<string, string | number>>,
): string {
  const lines = Object.entries({ Host: 'localhost', ...headers }).map(([n, v]) => `${n}: ${v}`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

export function httpChunk(bytes: Uint8Array): Buffer {
  return Buffer.concat([
    Buffer.from(`${bytes.length.toString(16)}\r\n`),
    bytes,
    Buffer.from('\r\n'),
  ]);
}

function parseResponse(received: Buffer): { response: RawResponse; length: number } | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) {
    return undefined;
  }
  const headers = received.subarray(0, headEnd).toString('latin1');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(headers)?.[1]);
  const bodyLength = Number(/^content-length: (\d+)/im.exec(headers)?.[1] ?? 0);
  const length = headEnd + 4 + bodyLength;
  return received.length < length
    ? undefined
    : {
        response: { status, headers, body: received.subarray(headEnd + 4, length).toString() },
        length,
      };
}

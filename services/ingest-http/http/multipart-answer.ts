import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { Response } from 'express';

export interface AnswerPart {
  readonly contentType: string;
  readonly location?: string;
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/**
 * Sends parts one after the other, each made when the one before has gone. Source: RFC 2387.
 *
 * @param first made already, so that what fails at once can still be answered as an error
 */
export async function sendParts(
  response: Response,
  type: string,
  first: AnswerPart,
  rest: AsyncIterable<AnswerPart>,
): Promise<void> {
  const boundary = `preread-${randomUUID()}`;
  response.set('Content-Type', `multipart/related; type="${type}"; boundary=${boundary}`);
  await pipeline(Readable.from(written(boundary, first, rest)), response);
}

async function* written(
  boundary: string,
  first: AnswerPart,
  rest: AsyncIterable<AnswerPart>,
): AsyncGenerator<Uint8Array> {
  yield* writtenPart(boundary, first);
  for await (const part of rest) {
    yield* writtenPart(boundary, part);
  }
  yield Buffer.from(`--${boundary}--\r\n`);
}

async function* writtenPart(
  boundary: string,
  { contentType, location, body }: AnswerPart,
): AsyncGenerator<Uint8Array> {
  const at = location === undefined ? '' : `Content-Location: ${location}\r\n`;
  yield Buffer.from(`--${boundary}\r\nContent-Type: ${contentType}\r\n${at}\r\n`);
  if (body instanceof Uint8Array) {
    yield body;
  } else {
    yield* body;
  }
  yield Buffer.from('\r\n');
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readMultipart } from './multipart.js';
import type { MultipartLimits } from './multipart.js';

interface ReadPart {
  readonly headers: Record<string, string>;
  readonly body: string;
}

async function* chunked(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let index = 0; at < bytes.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    yield await Promise.resolve(bytes.subarray(at, at + size));
    at += size;
  }
}

/** The parts that were whole, and the message of the error that ended the reading. */
async function read(
  text: string,
  { boundary = 'X', sizes = [1 << 16], limits }: Options = {},
): Promise<{ parts: ReadPart[]; error?: string }> {
  const parts: ReadPart[] = [];
  try {
    for await (const part of readMultipart(
      chunked(Buffer.from(text, 'latin1'), sizes),
      boundary,
      limits,
    )) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of part.body) {
        chunks.push(chunk);
      }
      const body = Buffer.concat(chunks).toString('latin1');
      parts.push({ headers: Object.fromEntries(part.headers), body });
    }
  } catch (error) {
    return { parts, error: (error as Error).message };
  }
  return { parts };
}

interface Options {
  boundary?: string;
  sizes?: readonly number[];
  limits?: MultipartLimits;
}

const dicom = { 'content-type': 'application/dicom' };

describe('readMultipart', () => {
  it.each([
    ['plain', '--X\r\nContent-Type: application/dicom\r\n\r\nabc\r\n--X--\r\n'],
    ['preamble', 'hello\r\n\r\n--X\r\nContent-Type: application/dicom\r\n\r\nabc\r\n--X--\r\n'],
    ['epilogue', '--X\r\nContent-Type: application/dicom\r\n\r\nabc\r\n--X--\r\nbye --X\r\n'],
    ['no line end behind it', '--X\r\nContent-Type: application/dicom\r\n\r\nabc\r\n--X--'],
    ['LF for every line end', '--X\nContent-Type: application/dicom\n\nabc\n--X--\n'],
    ['LF in headers alone', '--X\r\nContent-Type: application/dicom\n\nabc\r\n--X--\r\n'],
    ['padding', '--X \t\r\nContent-Type:application/dicom  \r\n\r\nabc\r\n--X--\r\n'],
    ['a folded header', '--X\r\nContent-Type:\r\n application/dicom\r\n\r\nabc\r\n--X--\r\n'],
  ])('reads a body with %s', async (_name, text) => {
    for (const sizes of [[1 << 16], [1], [2, 3]]) {
      expect(await read(text, { sizes })).toEqual({ parts: [{ headers: dicom, body: 'abc' }] });
    }
  });

  it('reads parts without headers and parts without bytes', async () => {
    const text = '--X\r\n\r\nabc\r\n--X\r\nA: b\r\n\r\n\r\n--X\r\nA: b\r\n\r\n--X--';
    expect(await read(text, { sizes: [1] })).toEqual({
      parts: [
        { headers: {}, body: 'abc' },
        { headers: { a: 'b' }, body: '' },
        { headers: { a: 'b' }, body: '' },
      ],
    });
  });

  it('takes a line that only begins like the boundary for data', async () => {
    const body = 'a\r\n--XY\r\n--X-\r\n--X x\r\n-\r\n--';
    const text = `--X\r\n\r\n${body}\r\n--X--`;
    for (const sizes of [[1 << 16], [1], [5]]) {
      expect(await read(text, { sizes })).toEqual({ parts: [{ headers: {}, body }] });
    }
  });

  it('never ends a part well that has no boundary behind it', async () => {
    const text = '--X\r\n\r\nabc\r\n--X\r\n\r\ndef';
    expect(await read(text)).toEqual({
      parts: [{ headers: {}, body: 'abc' }],
      error: 'The body ends before the closing boundary.',
    });
  });

  it.each([
    ['', 'The body ends before the closing boundary.'],
    ['no boundary at all', 'The body ends before the closing boundary.'],
    ['--X\r\nContent-Type: app', 'The body ends within the headers of a part.'],
    ['--X\r\nno colon\r\n\r\nabc\r\n--X--', 'A part has a header line without a name.'],
    ['--X\r\n--X--\r\n', 'A part has a header line without a name.'],
    [`--X\r\nA: ${'b'.repeat(20_000)}`, 'The headers of a part are too long.'],
    [`--X\r\n${'A: b\r\n'.repeat(5_000)}\r\n`, 'The headers of a part are too long.'],
    ['x'.repeat(100_000), 'The boundary does not occur where the body begins.'],
  ])('refuses a body that cannot be read', async (text, error) => {
    expect(await read(text, { sizes: [777] })).toEqual({ parts: [], error });
  });

  it('keeps the part before a boundary that is cut off, and then fails', async () => {
    expect(await read('--X\r\n\r\nabc\r\n--X')).toEqual({
      parts: [{ headers: {}, body: 'abc' }],
      error: 'The body ends within a boundary line.',
    });
  });

  it('finds no parts between an opening that closes at once', async () => {
    expect(await read('--X--\r\n')).toEqual({ parts: [] });
  });

  it('skips what a consumer leaves unread', async () => {
    const text = Buffer.from('--X\r\nA: 1\r\n\r\nabc\r\n--X\r\nA: 2\r\n\r\ndef\r\n--X--');
    const seen: unknown[] = [];
    for await (const part of readMultipart(chunked(text, [4]), 'X')) {
      seen.push(part.headers.get('a'));
    }
    expect(seen).toEqual(['1', '2']);
  });

  it('pulls no more than it was asked for, so that a slow consumer slows the sender', async () => {
    let pulled = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('--X\r\n\r\n');
      for (; pulled < 100; pulled += 1) {
        yield await Promise.resolve(Buffer.alloc(1000, 0x61));
      }
      yield Buffer.from('\r\n--X--');
    }
    for await (const part of readMultipart(source(), 'X')) {
      for await (const chunk of part.body) {
        expect(chunk.length).toBeLessThanOrEqual(1000);
        break;
      }
      expect(pulled).toBeLessThanOrEqual(2);
    }
    expect(pulled).toBe(100);
  });

  it('gives the same bytes for any chunking of any body', async () => {
    // An alphabet in which boundaries, near misses and line ends are common.
    const piece = fc.constantFrom(
      '\r',
      '\n',
      '-',
      '--',
      'X',
      '\r\n--',
      '\n--XX',
      'a',
      '\0',
      '\xff',
    );
    const body = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''));
    await fc.assert(
      fc.asyncProperty(
        fc.array(body, { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        async (bodies, sizes, preamble) => {
          const boundary = 'bound-Xary';
          const text = bodies.map((part) => `--${boundary}\r\nA: b\r\n\r\n${part}\r\n`).join('');
          const whole = `${preamble ? 'preamble\r\n' : ''}${text}--${boundary}--\r\n`;
          expect(await read(whole, { boundary, sizes })).toEqual({
            parts: bodies.map((part) => ({ headers: { a: 'b' }, body: part })),
          });
        },
      ),
      { numRuns: 500 },
    );
  });
});

import { PipelineError } from '../../../core/errors.js';

/** One part of a multipart body. `body` can be read once, and before the next part is asked for. */
export interface MultipartPart {
  /** Names are lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface MultipartLimits {
  /** Text before the first boundary. A body with another boundary than its header says ends here. */
  readonly maxPreambleBytes: number;
  /** All header lines of a part together. */
  readonly maxHeaderBytes: number;
}

const DEFAULT_LIMITS: MultipartLimits = { maxPreambleBytes: 65_536, maxHeaderBytes: 16_384 };

/** RFC 2046 5.1.1: blanks may follow a boundary; this many are taken for padding. */
const MAX_PADDING_BYTES = 256;
const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;
const LINE_END = Buffer.from('\n');
const EMPTY = Buffer.alloc(0);

type LineKind = 'next-part' | 'close' | 'cut-off' | 'data';

/**
 * The parts of a multipart body (RFC 2046 5.1), read from a stream of chunks: pulled, so that a slow
 * consumer slows the sender, and without copying, except where a boundary may straddle two chunks.
 *
 * Written here because the packages for it do not take header lines that end in LF alone, buffer whole
 * parts, or know form-data only. Lines may end in CRLF or LF. When a boundary line follows a bare LF and the
 * data before ends in a CR of its own, that CR is lost; DICOM readers notice, and nobody sends that.
 *
 * @throws PipelineError `multipart-malformed`, also from `body`: a part that ends without a boundary
 *   never ends well
 */
export async function* readMultipart(
  source: AsyncIterable<Uint8Array>,
  boundary: string,
  limits: MultipartLimits = DEFAULT_LIMITS,
): AsyncGenerator<MultipartPart> {
  const input = new Input(source);
  const delimiter = Buffer.from(`\n--${boundary}`, 'latin1');
  try {
    let skipped = 0;
    for await (const chunk of readToDelimiter(input, delimiter)) {
      skipped += chunk.length;
      if (skipped > limits.maxPreambleBytes) {
        throw malformed('The boundary does not occur where the body begins.');
      }
    }
    while (input.line === 'next-part') {
      const headers = await readHeaders(input, limits.maxHeaderBytes);
      input.line = 'data';
      yield { headers, body: readBody(input, delimiter) };
      // What the consumer left unread, after an error of its own, is skipped.
      await skip(input, delimiter);
    }
    if (input.line === 'cut-off') {
      throw malformed('The body ends within a boundary line.');
    }
    while (await input.more()) {
      input.take(input.buffer.length); // the epilogue
    }
  } finally {
    await input.close();
  }
}

/** A part's data: what follows the line end of the blank line, which an empty body shares with its delimiter. */
async function* readBody(input: Input, delimiter: Buffer): AsyncGenerator<Uint8Array> {
  let lineEndLength = 1;
  for await (const chunk of readToDelimiter(input, delimiter)) {
    if (chunk.length > lineEndLength) {
      yield chunk.subarray(lineEndLength);
    }
    lineEndLength = 0;
  }
}

/** The data up to the next delimiter line, which is consumed and told by `input.line`. */
async function* readToDelimiter(input: Input, delimiter: Buffer): AsyncGenerator<Uint8Array> {
  input.line = 'data';
  for (;;) {
    const at = input.buffer.indexOf(delimiter);
    if (at < 0) {
      const safe = lengthBeforePossibleDelimiter(input.buffer, delimiter);
      if (safe > 0) {
        yield input.take(safe);
      }
      if (!(await input.more())) {
        throw malformed('The body ends before the closing boundary.');
      }
      continue;
    }
    const { kind, end } = await readDelimiterLine(input, at + delimiter.length);
    if (kind === 'data') {
      yield input.take(at + delimiter.length);
      continue;
    }
    const dataEnd = at > 0 && input.buffer[at - 1] === CR ? at - 1 : at;
    const data = input.take(end).subarray(0, dataEnd);
    input.line = kind;
    if (data.length > 0) {
      yield data;
    }
    return;
  }
}

async function skip(input: Input, delimiter: Buffer): Promise<void> {
  if (input.line === 'data') {
    const rest = readToDelimiter(input, delimiter);
    while ((await rest.next()).done !== true);
  }
}

/** What stands behind the boundary's last character: `--`, a line end, or data that only looks alike. */
async function readDelimiterLine(
  input: Input,
  start: number,
): Promise<{ kind: LineKind; end: number }> {
  for (let at = start; at < start + MAX_PADDING_BYTES; at += 1) {
    const byte = await input.at(at);
    if (byte === undefined) {
      return { kind: 'cut-off', end: input.buffer.length };
    }
    if (byte === LF) {
      return { kind: 'next-part', end: at + 1 };
    }
    if (byte === DASH && at === start) {
      const next = await input.at(at + 1);
      return next === DASH || next === undefined
        ? { kind: next === undefined ? 'cut-off' : 'close', end: at + (next === undefined ? 1 : 2) }
        : { kind: 'data', end: start };
    }
    if (byte !== CR && byte !== 0x20 && byte !== 0x09) {
      break;
    }
  }
  return { kind: 'data', end: start };
}

/** How many bytes at the front cannot belong to a delimiter (or the CR before it) that is cut in two. */
function lengthBeforePossibleDelimiter(buffer: Buffer, delimiter: Buffer): number {
  const from = Math.max(0, buffer.length - delimiter.length + 1);
  for (let at = buffer.indexOf(LF, from); at >= 0; at = buffer.indexOf(LF, at + 1)) {
    if (buffer.subarray(at).equals(delimiter.subarray(0, buffer.length - at))) {
      return at > 0 && buffer[at - 1] === CR ? at - 1 : at;
    }
  }
  return buffer.at(-1) === CR ? buffer.length - 1 : buffer.length;
}

/** Leaves the line end of the blank line in place, for `readBody`. */
async function readHeaders(input: Input, maxBytes: number): Promise<Map<string, string>> {
  const headers = new Map<string, string>();
  let name = '';
  for (let used = 0; ;) {
    const line = await readLine(input, maxBytes - used);
    used += line.length;
    const text = line.toString('latin1').trimEnd();
    if (text === '') {
      input.unread(LINE_END);
      return headers;
    }
    const folded = /^[ \t]/.test(text) && name !== '';
    const colon = text.indexOf(':');
    if (!folded && colon < 1) {
      throw malformed('A part has a header line without a name.');
    }
    if (!folded) {
      name = text.slice(0, colon).trim().toLowerCase();
    }
    const value = folded ? `${headers.get(name) ?? ''} ${text.trim()}` : text.slice(colon + 1);
    headers.set(name, value.trim());
  }
}

/** One line with its end. */
async function readLine(input: Input, maxBytes: number): Promise<Buffer> {
  for (let from = 0; ;) {
    const at = input.buffer.indexOf(LF, from);
    if (at >= 0 && at < maxBytes) {
      return input.take(at + 1);
    }
    if (at >= 0 || input.buffer.length >= maxBytes) {
      throw malformed('The headers of a part are too long.');
    }
    from = input.buffer.length;
    if (!(await input.more())) {
      throw malformed('The body ends within the headers of a part.');
    }
  }
}

function malformed(detail: string): PipelineError {
  return new PipelineError('multipart-malformed', detail);
}

/** The bytes that have arrived and are not used yet. */
class Input {
  /** Begins with a line end, so that a boundary at the very start is one behind a line end like any other. */
  buffer: Buffer = LINE_END;
  /** The kind of delimiter line that was met last; `data` in the middle of a part. */
  line: LineKind = 'data';
  readonly #iterator: AsyncIterator<Uint8Array>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  take(length: number): Buffer {
    const taken = this.buffer.subarray(0, length);
    this.buffer = this.buffer.subarray(length);
    return taken;
  }

  unread(bytes: Buffer): void {
    this.buffer = Buffer.concat([bytes, this.buffer]);
  }

  async at(offset: number): Promise<number | undefined> {
    while (offset >= this.buffer.length) {
      if (!(await this.more())) {
        return undefined;
      }
    }
    return this.buffer[offset];
  }

  /** False at the end of the source. */
  async more(): Promise<boolean> {
    const next = await this.#iterator.next();
    if (next.done === true) {
      return false;
    }
    const { buffer, byteOffset, byteLength } = next.value;
    const chunk = Buffer.from(buffer, byteOffset, byteLength);
    this.buffer = this.buffer.length === 0 ? chunk : Buffer.concat([this.buffer, chunk]);
    return true;
  }

  async close(): Promise<void> {
    this.buffer = EMPTY;
    await this.#iterator.return?.();
  }
}

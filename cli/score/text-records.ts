import { createReadStream } from 'node:fs';

const NEWLINE = 0x0a;
const QUOTE = 0x22;

export interface TextRecord {
  readonly text: string;
  /** Offset in bytes of the first byte after the record and its line end. */
  readonly end: number;
}

/**
 * The complete records of a file, read in chunks: what follows the last line end is not given. With
 * `quoted`, a line end inside double quotes is part of the record, as in CSV (RFC 4180 2.6).
 */
export async function* readRecords(path: string, quoted: boolean): AsyncGenerator<TextRecord> {
  let parts: Buffer[] = [];
  let inQuotes = false;
  let offset = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let begin = 0;
    for (let index = 0; index < chunk.length; index += 1) {
      const byte = chunk[index];
      if (quoted && byte === QUOTE) {
        inQuotes = !inQuotes;
      } else if (byte === NEWLINE && !inQuotes) {
        const text = Buffer.concat([...parts, chunk.subarray(begin, index)]).toString('utf8');
        yield { text, end: offset + index + 1 };
        parts = [];
        begin = index + 1;
      }
    }
    parts.push(chunk.subarray(begin));
    offset += chunk.length;
  }
}

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

import { PipelineError } from '../../core/errors.js';
import {
  labelFormatOf,
  type LabelFormat,
  type LabelledImage,
  type LabelOptions,
} from '../../core/evaluation/label-format.js';
import { openCsv } from './read-csv.js';

export interface Labels {
  readonly format: LabelFormat;
  readonly images: readonly LabelledImage[];
  /** Of the file. */
  readonly sha256: string;
}

/** All of a label file. Throws `request-invalid`, naming row and column, never a value. */
export async function readLabels(path: string, options: LabelOptions): Promise<Labels> {
  const { header, rows } = await openCsv(path);
  const format = labelFormatOf(header, options);
  const images: LabelledImage[] = [];
  for await (const fields of rows) {
    try {
      images.push(format.read(fields));
    } catch (error) {
      if (error instanceof PipelineError) {
        const message = `${path}, row ${images.length + 2}: ${error.message}.`;
        throw new PipelineError(error.code, message, { cause: error });
      }
      throw error;
    }
  }
  if (images.length === 0) {
    throw new PipelineError('request-invalid', `${path} has no rows.`);
  }
  return { format, images, sha256: await sha256Of(path) };
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
  }
  return hash.digest('hex');
}

import { randomUUID } from 'node:crypto';

import type { DemoStudy } from '../../scripts/phantom/demo-studies.js';

export interface SentStudy {
  readonly stored: number;
  readonly sizeBytes: number;
  /** Epoch ms at which the service acknowledged the study. */
  readonly acknowledgedAtMs: number;
  readonly durationMs: number;
}

/** Sends a study by STOW-RS, all instances in one request, as a PACS does. */
export async function sendStudy(baseUrl: string, study: DemoStudy): Promise<SentStudy> {
  const boundary = `preread-${randomUUID()}`;
  const body = Buffer.concat([
    ...study.instances.flatMap(({ bytes }) => [
      Buffer.from(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`),
      bytes,
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
  const startedAt = performance.now();
  const response = await fetch(`${baseUrl}/dicom-web/studies`, {
    method: 'POST',
    headers: {
      'content-type': `multipart/related; type="application/dicom"; boundary=${boundary}`,
      accept: 'application/dicom+json',
    },
    body,
  });
  const answer = await response.text();
  if (response.status !== 200) {
    throw new Error(`the service answered ${response.status}: ${answer.slice(0, 500)}`);
  }
  return {
    stored: study.instances.length,
    sizeBytes: body.length,
    acknowledgedAtMs: Date.now(),
    durationMs: performance.now() - startedAt,
  };
}

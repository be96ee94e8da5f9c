import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { readSourceStudy } from '../../adapters/dicom/read-source-study.js';
import { drawSummaryPage } from '../../adapters/dicom/results/summary-page.js';
import { buildStructuredReport } from '../../core/delivery/dicom/structured-report.js';
import { buildResultBundle } from '../../core/delivery/fhir/result-bundle.js';
import { buildOruMessage } from '../../core/delivery/hl7/oru-message.js';
import type { InstanceOutcome } from '../../core/results/outcome.js';
import type { StudyResult } from '../../core/results/study-result.js';
import {
  SAMPLE_DELIVERY,
  SAMPLE_ORU,
  sampleRadiograph,
  sampleReport,
} from '../support/sample-report.js';
import { temporaryFolder } from '../support/temp-folder.js';

const WARNING = 'The image is inverted against what its header says.';
const REFUSAL = 'Not analysed: not-frontal.';

/** Of two images with the same warning and one that was refused. */
function remarkable(): StudyResult {
  const result = sampleReport();
  const [image] = result.instances;
  if (image?.outcome.kind !== 'scored') {
    throw new Error('the sample has no scored image');
  }
  const warned = { ...image.outcome, warnings: [{ gate: 'polarity', detail: WARNING }] };
  const refused: InstanceOutcome = {
    kind: 'not-analysed',
    reason: 'not-frontal',
    detail: '',
    warnings: [],
  };
  return {
    ...result,
    instances: [
      { ...image, outcome: warned },
      { ...image, SOPInstanceUID: '2.25.71', outcome: warned },
      { ...image, SOPInstanceUID: '2.25.72', outcome: refused },
    ],
  };
}

async function source(overrides: Parameters<typeof sampleRadiograph>[0] = {}) {
  const path = join(temporaryFolder(), 'radiograph.dcm');
  writeFileSync(path, sampleRadiograph(overrides));
  return readSourceStudy(path);
}

it('is told of each image by report, message, bundle: warnings and refusals, once each', async () => {
  const result = remarkable();
  const input = {
    result,
    source: await source(),
    predecessorAssembledAt: undefined,
    utcOffsetMinutes: () => 0,
  };
  const report = buildStructuredReport(input, 'comprehensive-3d-sr').bytes;
  const delivery = { ...SAMPLE_DELIVERY, result };
  const told = [
    Buffer.from(report).toString('utf8'),
    buildOruMessage(delivery, input.source, SAMPLE_ORU),
    JSON.stringify(buildResultBundle(result, input.source, { patientIdentifierSystem: undefined })),
  ];
  for (const text of told) {
    expect(text.split(WARNING)).toHaveLength(2);
    expect(text.split(REFUSAL)).toHaveLength(2);
  }
});

it('stands below the picture of the summary page, also when it is long', async () => {
  const picture = {
    width: 2,
    height: 2,
    channels: 1,
    pixels: Buffer.alloc(4, 90),
    pixelAspectRatio: 1,
  } as const;
  const long = remarkable();
  const sentences = Array.from({ length: 40 }, (_, index) => `Sentence ${index} of the rules.`);
  const result = {
    ...long,
    instances: long.instances.map((image) => ({
      ...image,
      outcome: {
        ...image.outcome,
        warnings: sentences.map((detail) => ({ gate: 'site-rule', detail })),
      },
    })),
  };
  /** Rows of the page that hold anything between picture and disclaimer, on the left. */
  const rowsUsed = async (of: StudyResult): Promise<number> => {
    const { pixels, width } = await drawSummaryPage(of, picture, 'en');
    const used = (row: number) =>
      Array.from({ length: 560 }, (_, x) => pixels[3 * (row * width + 40 + x)]!).some(
        (v) => v > 90,
      );
    return Array.from({ length: 95 }, (_, index) => 708 + index).filter(used).length;
  };
  expect(await rowsUsed(sampleReport())).toBe(0);
  const [some, many] = [await rowsUsed(remarkable()), await rowsUsed(result)];
  expect(some).toBeGreaterThan(0);
  expect(many).toBeGreaterThan(some);
  expect(many).toBeLessThan(90);
});

it('has a type of name where the name of the patient is not known, as PID-5 is required', async () => {
  const delivery = { ...SAMPLE_DELIVERY, result: sampleReport() };
  const message = buildOruMessage(delivery, await source({ PatientName: '' }), SAMPLE_ORU);
  const [, patient] = message.split('\r');
  expect(patient?.split('|')[5]).toBe('^^^^^^U');
});

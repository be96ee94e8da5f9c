import { describe, expect, test } from 'vitest';

import type { DicomUid } from '../../core/dicom/uid.js';
import type { ImageClassification } from '../../core/inference/image-classifier.js';
import { tinyModel } from '../../test/support/tiny-model.js';
import { csvFields } from './csv.js';
import { createRowFormat, ROW_FORMATS, type RowContext } from './row-format.js';

const { manifest } = tinyModel();
const context: RowContext = {
  manifest: {
    ...manifest,
    // The second of Effusion, Nodule and Cardiomegaly.
    findings: manifest.findings.map((finding) =>
      finding.key === 'Nodule' ? { ...finding, withheld: 'AUROC below 0.70' } : finding,
    ),
  },
  engine: { executionProvider: 'cpu', precision: 'fp32', sha256: 'b'.repeat(64) },
  softwareVersion: '1.2.3',
  includeWithheld: false,
};

const uid = (text: string): DicomUid => text as DicomUid;
const scored: ImageClassification = {
  kind: 'scored',
  logits: [0, 3, -1],
  identity: {
    SOPClassUID: uid('1.2.840.10008.5.1.4.1.1.1'),
    SOPInstanceUID: uid('1.2.3'),
    SeriesInstanceUID: uid('1.2.2'),
    StudyInstanceUID: uid('1.2.1'),
    TransferSyntaxUID: uid('1.2.840.10008.1.2.1'),
  },
  gates: [
    { gate: 'age', verdict: 'pass' },
    { gate: 'view', verdict: 'warn', detail: 'The view is not stated.' },
  ],
  timings: { readMs: 1, decodeMs: 2, preprocessMs: 3, inferMs: 4 },
};
const refused: ImageClassification = {
  kind: 'not-analysed',
  reason: 'not-frontal',
  detail: 'The view is lateral.',
  gates: [],
};

describe('a CSV row', () => {
  const row = (classification: ImageClassification, changes: Partial<RowContext> = {}) => {
    const format = createRowFormat('csv', { ...context, ...changes });
    const fields = csvFields(format.write({ path: 'a, b.dcm', classification }).trimEnd());
    const columns = csvFields(format.header.trimEnd());
    return Object.fromEntries(columns.map((column, index) => [column, fields[index]]));
  };

  test('holds identity, warnings, raw probabilities and what is flagged', () => {
    expect(row(scored)).toEqual({
      file: 'a, b.dcm',
      outcome: 'scored',
      reason: '',
      StudyInstanceUID: '1.2.1',
      SeriesInstanceUID: '1.2.2',
      SOPInstanceUID: '1.2.3',
      warnings: 'view',
      Effusion: '0.5',
      Cardiomegaly: String(1 / (1 + Math.E)),
      flagged: 'Effusion',
      model: 'tiny@1.0.0',
    });
  });

  test('has a withheld finding only when asked, and never flags it', () => {
    const withheld = row(scored, { includeWithheld: true });
    expect(Number(withheld['Nodule'])).toBeCloseTo(0.9526, 4);
    expect(withheld['flagged']).toBe('Effusion');
  });

  test('of a file that was not scored says why, and has no numbers', () => {
    expect(row(refused)).toMatchObject({
      outcome: 'not-analysed',
      reason: 'not-frontal',
      Effusion: '',
      flagged: '',
      SOPInstanceUID: '',
    });
  });
});

describe('a JSON line', () => {
  const row = (classification: ImageClassification, changes: Partial<RowContext> = {}) =>
    JSON.parse(
      createRowFormat('jsonl', { ...context, ...changes }).write({ path: 'a', classification }),
    ) as unknown;

  test('holds what the pipeline says of each finding, and what made it', () => {
    expect(row(scored)).toMatchObject({
      file: 'a',
      outcome: 'scored',
      StudyInstanceUID: '1.2.1',
      warnings: [{ gate: 'view', detail: 'The view is not stated.' }],
      findings: [
        {
          key: 'Effusion',
          probability: 0.5,
          operatingPointScore: 0.5,
          threshold: 0.5,
          flagged: true,
        },
        { key: 'Cardiomegaly', flagged: false },
      ],
      model: { name: 'tiny', version: '1.0.0', sha256: 'b'.repeat(64) },
      softwareVersion: '1.2.3',
    });
    expect(row(scored)).not.toHaveProperty('withheld');
    expect(row(scored, { includeWithheld: true })).toHaveProperty('withheld.Nodule');
  });

  test('of a file that was not scored says why', () => {
    expect(row(refused)).toMatchObject({
      outcome: 'not-analysed',
      reason: 'not-frontal',
      detail: 'The view is lateral.',
    });
  });
});

test.each(ROW_FORMATS)('a row in %s is read back, and holds no time', (name) => {
  const format = createRowFormat(name, context);
  for (const classification of [scored, refused]) {
    const line = format.write({ path: 'a "b",\nc', classification });
    expect(line.endsWith('\n')).toBe(true);
    expect(format.read(line.slice(0, -1))).toEqual({
      file: 'a "b",\nc',
      outcome: classification.kind,
      reason: classification.kind === 'scored' ? '' : classification.reason,
    });
    expect(line).not.toMatch(/Ms\b|timings/);
  }
  expect(format.read('cut o')).toBeUndefined();
});

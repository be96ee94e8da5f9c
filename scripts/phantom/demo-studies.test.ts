import dicomParser from 'dicom-parser';
import { describe, expect, it } from 'vitest';

import { demoStudies, type DemoOptions, type DemoStudy } from './demo-studies.js';

async function studies(options: Partial<DemoOptions> = {}): Promise<DemoStudy[]> {
  const all: DemoStudy[] = [];
  const request = { seed: 1, count: 4, Rows: 64, Columns: 64, ...options };
  for await (const study of demoStudies(request)) all.push(study);
  return all;
}

const parse = (bytes: Buffer): dicomParser.DataSet => dicomParser.parseDicom(bytes);

describe('demoStudies', () => {
  it('mixes CR and DX, MONOCHROME1 and 2, PA, AP and lateral, and one STAT order', async () => {
    const all = await studies({ count: 8 });
    const files = all.flatMap(({ instances }) => instances.map(({ bytes }) => parse(bytes)));
    const values = (tag: string): Set<string | undefined> =>
      new Set(files.map((file) => file.string(tag)));
    expect(values('x00080060')).toEqual(new Set(['CR', 'DX']));
    expect(values('x00280004')).toEqual(new Set(['MONOCHROME1', 'MONOCHROME2']));
    expect(values('x00185101')).toEqual(new Set(['PA', 'AP', 'LL']));
    expect(
      all.filter(({ RequestedProcedurePriority }) => RequestedProcedurePriority === 'STAT'),
    ).toHaveLength(1);
  });

  it('puts both views of a study under one StudyInstanceUID and one patient', async () => {
    const [study] = await studies({ count: 1 });
    const files = (study?.instances ?? []).map(({ bytes }) => parse(bytes));
    expect(files).toHaveLength(2);
    expect(new Set(files.map((file) => file.string('x0020000d')))).toEqual(
      new Set([study?.StudyInstanceUID]),
    );
    expect(new Set(files.map((file) => file.string('x00080018'))).size).toBe(2);
    expect(new Set(files.map((file) => file.string('x00100020'))).size).toBe(1);
  });

  it('gives the same bytes for the same seed and other UIDs for another', async () => {
    const [first] = await studies({ count: 1 });
    const [again] = await studies({ count: 1 });
    const [other] = await studies({ count: 1, seed: 2 });
    expect(again?.instances[0]?.bytes.equals(first?.instances[0]?.bytes ?? Buffer.alloc(0))).toBe(
      true,
    );
    expect(other?.StudyInstanceUID).not.toBe(first?.StudyInstanceUID);
  });

  it('writes the asked transfer syntax and date', async () => {
    const [study] = await studies({
      count: 1,
      syntax: 'jpeg-baseline',
      takenAt: new Date('2025-03-04T05:06:07Z'),
    });
    const file = parse(study?.instances[0]?.bytes ?? Buffer.alloc(0));
    expect(file.string('x00020010')).toBe('1.2.840.10008.1.2.4.50');
    expect(file.string('x00080020')).toBe('20250304');
    expect(file.string('x00080030')).toBe('050607');
  });
});

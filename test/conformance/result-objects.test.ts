import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import sharp from 'sharp';
import { expect, it } from 'vitest';

import { parseDataSet, type ParsedDataSet } from '../../adapters/dicom/data-set.js';
import { readSourceStudy } from '../../adapters/dicom/read-source-study.js';
import { RESULT_OBJECTS, type ResultObject } from '../../core/delivery/destination.js';
import { READABLE_OBJECTS } from '../../core/delivery/result-objects.js';
import { buildStructuredReport } from '../../core/delivery/dicom/structured-report.js';
import type { DataElement } from '../../core/dicom/elements.js';
import { encodeDataSet, encodePart10, text } from '../../core/dicom/elements.js';
import type { StudyResult } from '../../core/results/study-result.js';
import { describeWithPeer } from '../support/peers.js';
import { sampleObjects } from '../support/report-objects.js';
import { REPORT_UIDS, sampleRadiograph, sampleReport } from '../support/sample-report.js';
import { temporaryFolder } from '../support/temp-folder.js';

/**
 * What dciodvfy of 2022 says of every object that follows IHE AIR and has codes of its own: it knows no
 * private coding schemes, and Device UID in Contributing Equipment is younger than it is. Content Qualification is of
 * other modules.
 */
const KNOWN_REMARKS = [
  /^Warning - Unrecognized defined term <99PREREAD> for value 1 of attribute <Coding Scheme Designator>$/,
  /^Warning - Attribute is not present in standard DICOM IOD - \(0x0018,0x1002\) UI Device UID\s*$/,
  /^Warning - Attribute is not present in standard DICOM IOD - \(0x0018,0x9004\) CS Content Qualification\s*$/,
  /^Warning - Dicom dataset contains attributes not present in standard DICOM IOD - this is a Standard Extended SOP Class$/,
];

async function writtenObjects(
  folder: string,
  result = sampleReport(),
  objects: readonly ResultObject[] = RESULT_OBJECTS,
) {
  const built = await sampleObjects(folder, { result: withHeatMap(result), objects });
  return built.map((object) => {
    const path = join(folder, `${object.kind}.dcm`);
    writeFileSync(path, object.bytes);
    return { ...object, path };
  });
}

/** The result with a map of its flagged finding: hot at the top left of what the network saw. */
function withHeatMap(result: StudyResult): StudyResult {
  const cells = Uint8Array.from({ length: 49 }, (_, cell) => (cell === 8 ? 255 : cell % 7));
  const record = {
    finding: 'Pneumothorax',
    width: 7,
    height: 7,
    cells: Buffer.from(cells).toString('base64'),
    max: 2.5,
    crop: { left: 0, top: 0.1, width: 1, height: 0.8 },
  };
  return {
    ...result,
    instances: result.instances.map((instance) => ({
      ...instance,
      outcome: { ...instance.outcome, heatMaps: [record] },
    })),
  };
}

/** What DCMTK says of itself, not of the object: values in UTF-8, and the template of a key object note. */
const OWN_LIMITS = [
  'W: The VR checker does not support this Specific Character Set: ISO_IR 192',
  'W: Check for template constraints not yet supported',
];

/** Warnings and errors of a program of DCMTK about a file; it must have read it. */
function remarksOf(program: string, path: string): readonly string[] {
  const { status, stderr } = spawnSync(program, [path], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  return stderr.split('\n').filter((line) => /^[WEF]:/.test(line) && !OWN_LIMITS.includes(line));
}

describeWithPeer('dicom3tools', 'dciodvfy', (peer) => {
  it('has nothing to say against any object of a result', async () => {
    const amended = sampleReport({ resultVersion: 2, amends: 1 });
    for (const { kind, path } of await writtenObjects(temporaryFolder(), amended)) {
      const { stderr, stdout } = spawnSync(peer.program('dciodvfy'), [path], { encoding: 'utf8' });
      const [iod = '', ...remarks] = `${stdout}${stderr}`.trim().split('\n');
      expect(iod).toBe(
        {
          sr: 'Comprehensive3DSR',
          sc: 'SCImage',
          kos: 'KeyObjectSelectionDocument',
          gsps: 'GrayscaleSoftcopyPresentationState',
          heatmap: 'SCImage',
        }[kind],
      );
      expect(
        remarks.filter((remark) => !KNOWN_REMARKS.some((known) => known.test(remark))),
        kind,
      ).toEqual([]);
    }
  });
});

describeWithPeer('dcmtk', 'DCMTK', (peer) => {
  it("reads report and key object note as documents, and what it reads is the golden text's", async () => {
    const objects = await writtenObjects(temporaryFolder(), undefined, READABLE_OBJECTS);
    for (const { kind, path } of objects) {
      const dump = execFileSync(peer.program('dcmdump'), ['+W', temporaryFolder(), '-q', path], {
        encoding: 'utf8',
      });
      const golden = dump.replaceAll(/\/tmp\/\S+/g, 'RAW').replaceAll(/ +$/gm, '');
      await expect(golden).toMatchFileSnapshot(`../../fixtures/golden/result-${kind}.dump.txt`);
      if (kind === 'sr' || kind === 'kos') {
        for (const reader of ['dsr2xml', 'dsrdump', 'dcm2xml']) {
          expect(remarksOf(peer.program(reader), path), `${reader} of ${kind}`).toEqual([]);
        }
      }
    }
  });
});

describeWithPeer('dcmtk', 'a presentation state', (peer) => {
  it.each([
    ['a window', {}],
    ['no window', { WindowCenter: undefined, WindowWidth: undefined }],
    ['a slope', { RescaleSlope: '2', RescaleIntercept: '-100' }],
    [
      'white for low values',
      { PhotometricInterpretation: 'MONOCHROME1', PresentationLUTShape: 'INVERSE' },
    ],
  ] as const)('shows an image with %s as it looks without', async (_title, overrides) => {
    const folder = temporaryFolder();
    const radiograph = sampleRadiograph(overrides);
    const objects = await sampleObjects(folder, { radiograph });
    const image = join(folder, 'image.dcm');
    const state = join(folder, 'state.dcm');
    writeFileSync(image, radiograph);
    writeFileSync(state, objects.find(({ kind }) => kind === 'gsps')!.bytes);
    const windowed = 'WindowCenter' in overrides ? ['-W'] : ['+Wi', '1'];
    const [without, shown] = ['without.pgm', 'with.pgm'].map((name) => join(folder, name));
    execFileSync(peer.program('dcm2pnm'), ['+op', ...windowed, image, without!]);
    execFileSync(peer.program('dcmp2pgm'), ['-p', state, image, shown!]);
    const [own, stated] = [without!, shown!].map((path) => readFileSync(path).subarray(-64 * 64));
    const apart = own!.map((grey, index) => Math.abs(grey - stated![index]!));
    // DCMTK rounds otherwise in its two programs, and goes by way of 12 bits in one.
    expect(Math.max(...apart)).toBeLessThanOrEqual(4);
  });
});

it('never says that something is absent, and never a side', async () => {
  for (const { bytes } of await writtenObjects(temporaryFolder())) {
    const words = bytes.toString('latin1');
    for (const forbidden of ['121054', '272519000', '272741003', '24028007', '7771000', 'bsent']) {
      expect(words).not.toContain(forbidden);
    }
  }
});

it('gives the same bytes for the same result, and another object for an amended one', async () => {
  const [first, second] = [
    await sampleObjects(temporaryFolder()),
    await sampleObjects(temporaryFolder()),
  ];
  expect(first.map(({ bytes }) => bytes.toString('base64'))).toEqual(
    second.map(({ bytes }) => bytes.toString('base64')),
  );
  const amended = await sampleObjects(temporaryFolder(), {
    result: sampleReport({ resultVersion: 2, amends: 1 }),
  });
  const uids = [...first, ...amended].map(({ SOPInstanceUID }) => SOPInstanceUID);
  expect(new Set(uids).size).toBe(uids.length);
  for (const uid of uids) {
    expect(BigInt(uid.replace('2.25.', '')) < 2n ** 128n).toBe(true);
  }
});

it('reports on a study of which nothing could be analysed', async () => {
  const [image] = sampleReport().instances;
  const result = sampleReport({
    analysed: false,
    findings: [],
    models: [],
    instances: [
      {
        ...image!,
        outcome: { kind: 'not-analysed', reason: 'not-frontal', detail: '', warnings: [] },
      },
    ],
  });
  const objects = await sampleObjects(temporaryFolder(), { result });
  expect(objects.map(({ kind }) => kind)).toEqual(['sr']);
  expect(objects[0]?.bytes.toString('latin1')).toContain('Not analysed: not-frontal');
});

const PATIENT_TAGS = [0x00080005, 0x00100010, 0x00100020, 0x00100021, 0x00100030, 0x00081030];

it.each([
  ['UTF-8', 'ISO_IR 192', Buffer.from('Đặng^Thị Hằng'), '1.2.840.10008.1.2.1'],
  ['Latin-1', 'ISO_IR 100', Buffer.from('M\xfcller^J\xf6rg', 'latin1'), '1.2.840.10008.1.2.1'],
  [
    'Japanese with code extensions',
    '\\ISO 2022 IR 87',
    Buffer.from('Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B ', 'latin1'),
    '1.2.840.10008.1.2.1',
  ],
  [
    'bytes that contradict their set',
    'ISO_IR 192',
    Buffer.from([0x41, 0xff, 0xfe, 0x42]),
    '1.2.840.10008.1.2.1',
  ],
])('copies a name in %s byte for byte', async (_title, charset, name, TransferSyntaxUID) => {
  const folder = temporaryFolder();
  const copied: DataElement[] = [
    { tag: 0x00080005, vr: 'CS', value: Buffer.from(charset) },
    { tag: 0x00100010, vr: 'PN', value: name },
    { tag: 0x00100020, vr: 'LO', value: Buffer.concat([Buffer.from('ID '), name.subarray(0, 4)]) },
    text(0x00100021, 'LO', 'HOSPITAL'),
    text(0x00100030, 'DA', '19700131'),
    { tag: 0x00081030, vr: 'LO', value: name },
  ];
  const { StudyInstanceUID, SOPInstanceUID } = REPORT_UIDS;
  const SOPClassUID = '1.2.840.10008.5.1.4.1.1.1';
  const dataSet = encodeDataSet([
    ...copied,
    text(0x00080016, 'UI', SOPClassUID),
    text(0x00080018, 'UI', SOPInstanceUID),
    text(0x0020000d, 'UI', StudyInstanceUID),
  ]);
  const path = join(folder, 'source.dcm');
  const meta = { SOPClassUID, SOPInstanceUID, TransferSyntaxUID };
  writeFileSync(
    path,
    encodePart10(dataSet, {
      ...meta,
      ImplementationClassUID: '1.2',
      ImplementationVersionName: 'T',
    }),
  );
  const { bytes } = buildStructuredReport(
    {
      result: sampleReport(),
      source: await readSourceStudy(path),
      predecessorAssembledAt: undefined,
      utcOffsetMinutes: () => 0,
    },
    'comprehensive-sr',
  );
  const [before, after] = [parseDataSet(readFileSync(path), true), parseDataSet(bytes, true)];
  for (const tag of PATIENT_TAGS) {
    const key = `x${tag.toString(16).padStart(8, '0')}`;
    expect(valueOf(after, key), key).toEqual(valueOf(before, key));
  }
});

it.each([['YES'], ['NO'], [undefined]])(
  'says of burned in annotation what the image on the page says: %s',
  async (BurnedInAnnotation) => {
    const objects = await sampleObjects(temporaryFolder(), {
      result: withHeatMap(sampleReport()),
      radiograph: sampleRadiograph({ BurnedInAnnotation }),
      objects: ['sc', 'heatmap'],
    });
    const stated = objects.map(({ kind, bytes }) => [
      kind,
      parseDataSet(bytes, true).dataSet.string('x00280301'),
    ]);
    expect(stated).toEqual([
      ['sc', BurnedInAnnotation],
      ['heatmap', BurnedInAnnotation],
    ]);
  },
);

it('gives pages in two languages two UIDs: an archive that gets both must not take one for the other', async () => {
  const result = withHeatMap(sampleReport());
  const [english, vietnamese] = await Promise.all(
    (['en', 'vi'] as const).map(async (language) =>
      sampleObjects(temporaryFolder(), { result, objects: ['sc', 'heatmap'], language }),
    ),
  );
  const uids = [...english!, ...vietnamese!].map(({ SOPInstanceUID }) => SOPInstanceUID);
  expect(uids).toHaveLength(4);
  expect(new Set(uids).size).toBe(4);
});

function valueOf({ dataSet }: ParsedDataSet, key: string): Buffer {
  const element = dataSet.elements[key]!;
  const { dataOffset, length } = element;
  return Buffer.from(dataSet.byteArray.subarray(dataOffset, dataOffset + length));
}

describeWithPeer('dcmtk', 'a heat map page', (peer) => {
  it('shows the map in colour where the network saw the finding, and none without a map', async () => {
    const folder = temporaryFolder();
    const [page] = await writtenObjects(folder, undefined, ['heatmap']);
    const picture = join(folder, 'page.png');
    execFileSync(peer.program('dcmj2pnm'), ['+on', page!.path, picture]);
    const { data, info } = await sharp(readFileSync(picture))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 1000, height: 1280, channels: 3 });
    /** How far from grey the middle of a square is, by shares of the picture's side. */
    const colourAt = (x: number, y: number) => {
      const at = 3 * (Math.round(110 + y * 920) * 1000 + Math.round(40 + x * 920));
      const [red = 0, green = 0, blue = 0] = data.subarray(at, at + 3);
      return Math.max(red, green, blue) - Math.min(red, green, blue);
    };
    expect(colourAt(1.8 / 7, 0.1 + (0.8 * 1.5) / 7)).toBeGreaterThan(60);
    expect(colourAt(6.5 / 7, 0.1 + (0.8 * 6.9) / 7)).toBeLessThan(30);
    expect(await sampleObjects(folder, { objects: ['heatmap'] })).toEqual([]);
  });
});

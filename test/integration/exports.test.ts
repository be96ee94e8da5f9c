import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { packageRoot } from '../../adapters/process/package-info.js';
import { readRunRecordOf, readScoreFile, type ScoreRow } from '../../cli/evaluation/score-file.js';
import { csvFields } from '../../cli/score/csv.js';
import { wrapGreyImage } from '../../scripts/phantom/phantom-dicom.js';
import { tinyModel, writeModelFolder } from '../support/tiny-model.js';

const PREREAD = join(packageRoot, 'bin/preread.js');
const FINDINGS = ['Effusion', 'Pleural_Thickening'];

let folder: string;
let model: string;

function preread(...args: readonly string[]) {
  return spawnSync(process.execPath, [PREREAD, ...args, '--model', model], {
    encoding: 'utf8',
    cwd: folder,
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-exports-'));
  model = await writeModelFolder(folder, tinyModel({ findings: FINDINGS }));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('preread export', () => {
  const rows = [
    'file,outcome,reason,StudyInstanceUID,SeriesInstanceUID,SOPInstanceUID,warnings,Effusion,Pleural_Thickening,flagged,model',
    '"a, b.dcm",scored,,1.1,1.2,1.3,file-format,0.75,0.1,Effusion,tiny@1.0.0',
    'x.txt,not-analysed,not-dicom,,,,,,,,tiny@1.0.0',
  ];

  const { manifest } = tinyModel({ findings: FINDINGS });
  const record = {
    schemaVersion: 1,
    softwareVersion: '0.0.0',
    model: {
      name: 'tiny',
      version: '1.0.0',
      sha256: manifest.file.sha256,
      precision: 'fp32',
      recipe: 'r',
      operatingPoint: 'youden',
      executionProvider: 'cpu',
    },
    settings: {},
  };

  beforeAll(async () => {
    await writeFile(join(folder, 'scores.csv'), `${rows.join('\n')}\n`);
    await writeFile(join(folder, 'scores.csv.run.json'), JSON.stringify(record));
  });

  function exported(format: string) {
    const out = `${format}.out`;
    const scores = ['--scores', 'scores.csv', '--format', format, '--out', out];
    const ran = preread('export', ...scores);
    expect(ran.stderr).toBe('');
    expect(ran.status).toBe(0);
    return join(folder, out);
  }

  test('writes what readers of CheXpert read', async () => {
    const [header = '', scored = '', refused = ''] = (
      await readFile(exported('chexpert'), 'utf8')
    ).split('\n');
    expect(header).toBe(
      'Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices',
    );
    const columns = csvFields(header);
    expect(csvFields(scored)[0]).toBe('a, b.dcm');
    expect(csvFields(scored)[columns.indexOf('Pleural Effusion')]).toBe('0.75');
    expect(csvFields(scored).filter((value) => value !== '')).toHaveLength(2);
    expect(refused).toBe('x.txt,,,,,,,,,,,,,,,,,,');
  });

  test('writes what TorchXRayVision writes: its 18 targets, 0.5 at the operating point', async () => {
    const [header = '', scored = ''] = (await readFile(exported('txrv'), 'utf8')).split('\n');
    expect(header).toBe(
      'filename,Atelectasis,Consolidation,Infiltration,Pneumothorax,Edema,Emphysema,Fibrosis,Effusion,Pneumonia,Pleural_Thickening,Cardiomegaly,Nodule,Mass,Hernia,Lung Lesion,Fracture,Lung Opacity,Enlarged Cardiomediastinum',
    );
    const columns = csvFields(header);
    // The threshold is 0.5, so the scale is the probability itself.
    expect(csvFields(scored)[columns.indexOf('Effusion')]).toBe('0.75');
    expect(csvFields(scored)[columns.indexOf('Pleural_Thickening')]).toBe('0.1');
  });

  test('writes Parquet that a reader of Parquet reads, and that is read back as the same rows', async () => {
    const path = exported('parquet');
    const file = await asyncBufferFromFile(path);
    const { num_rows: count } = await parquetMetadataAsync(file);
    expect(Number(count)).toBe(2);
    const [scored, refused] = await parquetReadObjects({ file });
    expect(scored).toMatchObject({ file: 'a, b.dcm', Effusion: 0.75, flagged: 'Effusion' });
    expect(refused).toMatchObject({ reason: 'not-dicom', Effusion: null, SOPInstanceUID: null });
    expect(Object.keys(scored ?? {})).toEqual(csvFields(rows[0] ?? ''));
    const named = join(folder, 'scores.parquet');
    await writeFile(named, await readFile(path));
    const collect = async (from: string) => {
      const found: ScoreRow[] = [];
      for await (const row of readScoreFile(from)) {
        found.push(row);
      }
      return found;
    };
    expect(await collect(named)).toEqual(await collect(join(folder, 'scores.csv')));
    expect(await readRunRecordOf(named)).toEqual(record);
  });

  test('leaves no half file behind, and overwrites only when told to', async () => {
    await writeFile(join(folder, 'cut.csv'), `${rows[0] ?? ''}\n${rows[1] ?? ''}\na,scored\n`);
    const cut = ['--scores', 'cut.csv', '--format', 'chexpert', '--out', 'cut.out'];
    expect(preread('export', ...cut).stderr).toContain('row 3 has 2 fields, not 11');
    expect(readdirSync(folder).filter((name) => name.startsWith('cut.out'))).toEqual([]);
    const again = ['--scores', 'scores.csv', '--format', 'chexpert', '--out', 'chexpert.out'];
    expect(preread('export', ...again).status).toBe(2);
    expect(preread('export', ...again, '--force').status).toBe(0);
  });
});

describe('preread score --heatmaps', () => {
  /**
   * The tiny model's maps are brightness: the bright spot is the peak. It lies in the middle of a cell: the
   * centred square begins at x = 100, and a cell is 100 pixels wide.
   */
  const WIDTH = 600;
  const HEIGHT = 400;
  const SPOT = { x: 450, y: 250 };

  beforeAll(async () => {
    const pixels = Uint16Array.from({ length: WIDTH * HEIGHT }, (_, at) => {
      const [x, y] = [at % WIDTH, Math.floor(at / WIDTH)];
      const inSpot = Math.abs(x - SPOT.x) < 40 && Math.abs(y - SPOT.y) < 40;
      const [right, down] = [(x - 100) / HEIGHT, y / HEIGHT];
      const inLung = ((Math.abs(right - 0.5) - 0.2) / 0.13) ** 2 + ((down - 0.45) / 0.3) ** 2 < 1;
      return inSpot ? 4000 : inLung ? 600 : 2400;
    });
    await mkdir(join(folder, 'archive'));
    await writeFile(
      join(folder, 'archive/Nguyen^Van.dcm'),
      wrapGreyImage(
        { Rows: HEIGHT, Columns: WIDTH, BitsStored: 12, pixels },
        { BodyPartExamined: 'CHEST', ViewPosition: 'PA', PatientAge: '050Y' },
      ),
    );
    // Flags everything, so that there are pictures.
    const tiny = tinyModel({ findings: FINDINGS });
    const findings = tiny.manifest.findings.map((finding) => ({
      ...finding,
      thresholds: { youden: 0.01 },
    }));
    await writeModelFolder(folder, { ...tiny, manifest: { ...tiny.manifest, findings } });
  });

  const args = [
    'score',
    'archive',
    '--out',
    'maps.csv',
    '--heatmaps',
    'maps',
    '--concurrency',
    '1',
  ];

  test('writes a picture of each flagged finding, hottest where the network saw most', async () => {
    expect(preread(...args).status).toBe(0);
    expect(readdirSync(join(folder, 'maps')).sort()).toEqual([
      '000001-Effusion.png',
      '000001-Pleural_Thickening.png',
    ]);
    const image = sharp(join(folder, 'maps/000001-Effusion.png'));
    const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.channels]).toEqual([WIDTH, 3]);
    expect(info.height).toBeGreaterThan(HEIGHT);
    // Green rises along the whole scale, and the spot under the peak is white.
    let best = { green: -1, x: 0, y: 0 };
    for (let at = 0; at < WIDTH * HEIGHT; at += 1) {
      const green = data[3 * at + 1] ?? 0;
      if (green > best.green) {
        best = { green, x: at % WIDTH, y: Math.floor(at / WIDTH) };
      }
    }
    // Colours are whole numbers, so the very top of the peak is a small plateau.
    expect(Math.abs(best.x - SPOT.x)).toBeLessThan(20);
    expect(Math.abs(best.y - SPOT.y)).toBeLessThan(20);
    // Left of the centred square there is no colour.
    const outside = data.subarray(3 * (WIDTH * 200 + 50), 3 * (WIDTH * 200 + 50) + 3);
    expect(outside[0]).toBe(outside[2]);
    expect(existsSync(join(folder, 'maps.csv'))).toBe(true);
  });

  test('makes again what is missing when it is resumed, and only that', async () => {
    const picture = join(folder, 'maps/000001-Effusion.png');
    const before = await stat(picture);
    expect(preread(...args, '--resume').status).toBe(0);
    expect((await stat(picture)).mtimeMs).toBe(before.mtimeMs);
    const csv = await readFile(join(folder, 'maps.csv'), 'utf8');
    await writeFile(join(folder, 'maps.csv'), csv.slice(0, -5));
    await rm(picture);
    expect(preread(...args, '--resume').status).toBe(0);
    expect(existsSync(picture)).toBe(true);
    expect(await readFile(join(folder, 'maps.csv'), 'utf8')).toBe(csv);
  });

  test('refuses a folder that is scored or that holds the maps of another run', () => {
    const inside = preread('score', 'archive', '--out', 'in.csv', '--heatmaps', 'archive/maps');
    expect(inside.stderr).toContain('must lie outside of archive');
    const other = preread('score', 'archive', '--out', 'in.csv', '--heatmaps', 'maps');
    expect(other.stderr).toContain('maps holds heat maps');
    expect(other.status).toBe(2);
    expect(existsSync(join(folder, 'in.csv'))).toBe(false);
  });
});

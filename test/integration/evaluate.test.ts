import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { packageRoot } from '../../adapters/process/package-info.js';
import { sigmoid } from '../../core/inference/calibration.js';
import { modelOverlaySchema, type ModelOverlay } from '../../core/inference/model-overlay.js';
import { seededRandom } from '../../core/evaluation/seeded-random.js';
import { writeGreyImages } from '../support/grey-images.js';
import { tinyModel, writeModelFolder } from '../support/tiny-model.js';

const PREREAD = join(packageRoot, 'bin/preread.js');
const IMAGES = 400;
const FINDINGS = ['Effusion', 'Nodule'] as const;
const CSV_HEADER =
  'file,outcome,reason,StudyInstanceUID,SeriesInstanceUID,SOPInstanceUID,warnings,Effusion,Nodule,flagged,model';

let folder: string;
let model: string;
let overlayPath: string;

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function preread(args: readonly string[], env: Readonly<Record<string, string>> = {}): Ran {
  return spawnSync(process.execPath, [PREREAD, ...args], {
    encoding: 'utf8',
    cwd: folder,
    env: { ...process.env, ...env },
  });
}

function evaluate(...args: readonly string[]): Ran {
  return preread(['evaluate', '--scores', 'scores.csv', '--model', model, ...args]);
}

/** What the tests read of report.json. */
interface Report {
  readonly model: { readonly operatingPoint: string; readonly sha256Confirmed: boolean };
  readonly matching: Record<string, unknown>;
  readonly cautions: readonly string[];
  readonly evaluation: {
    readonly patients: number;
    readonly findings: readonly {
      readonly key: string;
      readonly threshold: number;
      readonly positives: number;
      readonly discrimination: { readonly auroc: number };
    }[];
    readonly subgroups: readonly { readonly name: string }[];
  };
}

async function readReport(name: string): Promise<Report> {
  return JSON.parse(await readFile(join(folder, name, 'report.json'), 'utf8')) as Report;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-evaluate-'));
  const tiny = tinyModel({ findings: FINDINGS });
  model = await writeModelFolder(folder, tiny);
  await writeModelFolder(
    folder,
    tinyModel({ name: 'other', findings: ['Effusion', 'Nodule', 'Mass'] }),
  );
  overlayPath = join(folder, 'overlay.json');
  const random = seededRandom(4);
  const scores = [CSV_HEADER, `cut.dcm,not-analysed,pixel-data-corrupt,,,,,,,,tiny@1.0.0`];
  const tidy = ['image,patient,sex,Effusion,Nodule', 'cut.png,p0,F,1,0', 'nobody.png,p0,F,1,0'];
  const nih = ['Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,'];
  for (let image = 0; image < IMAGES; image += 1) {
    const logits = [3 * random() - 1.5, 3 * random() - 1.5];
    const [effusion, nodule] = logits.map((logit) => (random() < sigmoid(2 * logit - 1) ? 1 : 0));
    const patient = `p${Math.floor(image / 2)}`;
    const probabilities = logits.map((logit) => String(sigmoid(logit)));
    scores.push(`deep/${image}.dcm,scored,,,,1.2.${image},,${probabilities.join(',')},,tiny@1.0.0`);
    tidy.push(`${image}.png,${patient},${image % 2 ? 'F' : 'M'},${effusion ?? ''},${nodule ?? ''}`);
    const names = [...(effusion ? ['Effusion'] : []), ...(nodule ? ['Nodule'] : [])];
    nih.push(`${image}.png,${names.join('|') || 'No Finding'},0,${patient},058Y,M,`);
  }
  scores.push(`deep/extra.dcm,scored,,,,1.3,,0.5,0.5,,tiny@1.0.0`);
  await writeFile(join(folder, 'scores.csv'), `${scores.join('\n')}\n`);
  await writeFile(join(folder, 'tidy.csv'), `\ufeff${tidy.join('\r\n')}\r\n`);
  await writeFile(join(folder, 'nih.csv'), `${nih.join('\n')}\n`);
  const record = {
    schemaVersion: 1,
    softwareVersion: '0',
    model: {
      name: 'tiny',
      version: '1.0.0',
      sha256: tiny.manifest.file.sha256,
      recipe: 'r',
      operatingPoint: 'youden',
      executionProvider: 'cpu',
    },
    settings: {},
  };
  await writeFile(join(folder, 'scores.csv.run.json'), JSON.stringify(record));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('preread evaluate', () => {
  test('writes a page, its data, the charts and what did not match', async () => {
    const ran = evaluate('--labels', 'tidy.csv', '--out', 'report', '--draws', '100');
    expect(ran.stderr).toBe('');
    expect(ran.status).toBe(0);
    expect(ran.stdout).toContain('400 of 402 score rows matched one of 402 label rows');
    expect(ran.stdout).toMatch(/Mean AUROC over 2 findings: 0\.\d{3} \(95 % /);
    const report = await readReport('report');
    expect(report.matching).toMatchObject({
      matched: 400,
      notAnalysed: { 'pixel-data-corrupt': 1 },
      unmatched: { 'score-without-label': 1, 'label-without-score': 1 },
      patientsKnown: true,
    });
    expect(report.model).toMatchObject({
      operatingPoint: 'youden',
      sha256Confirmed: true,
      scoredWith: { precision: 'fp32' },
    });
    expect(report.cautions.join()).toContain('The model was trained on: none.');
    expect(report.evaluation.patients).toBe(200);
    expect(report.evaluation.subgroups.map(({ name }) => name)).toEqual(['sex']);
    expect(await readFile(join(folder, 'report/unmatched.csv'), 'utf8')).toBe(
      'what,image\nscore-without-label,deep/extra.dcm\nlabel-without-score,nobody.png\n',
    );
    expect(existsSync(join(folder, 'report/charts/Effusion-roc.svg'))).toBe(true);
    const page = await readFile(join(folder, 'report/index.html'), 'utf8');
    expect(page).toContain('Labelled but not analysed: 1 (pixel-data-corrupt).');
  });

  test('gives equal bytes for equal input, and the same figures from another label format', async () => {
    for (const name of ['again', 'nih']) {
      const labels = name === 'nih' ? 'nih.csv' : 'tidy.csv';
      expect(evaluate('--labels', labels, '--out', name, '--draws', '100').status).toBe(0);
    }
    const bytes = (name: string) => readFile(join(folder, name, 'report.json'), 'utf8');
    expect(await bytes('again')).toBe(await bytes('report'));
    const [nih, tidy] = [await readReport('nih'), await readReport('report')];
    expect(nih.evaluation.findings).toEqual(tidy.evaluation.findings);
  });

  test('says that patients are unknown where no column names them', async () => {
    const args = ['--labels', 'tidy.csv', '--out', 'no-patients', '--draws', '100'];
    const tidy = (await readFile(join(folder, 'tidy.csv'), 'utf8')).replace('patient', 'mrn');
    await writeFile(join(folder, 'mrn.csv'), tidy);
    args[1] = 'mrn.csv';
    expect(evaluate(...args).stdout).toContain('every image was counted as a patient of its own');
    expect(evaluate(...args, '--force', '--patient-column', 'mrn').stdout).toContain(
      '200 patients',
    );
  });

  test.each([
    ['labels that match nothing', ['--labels', 'far.csv'], /None of 402 scored images matches/],
    ['labels that are none', ['--labels', 'odd.csv'], /row 2: the column Effusion holds/],
    ['a label file that is not there', ['--labels', 'no.csv'], /no\.csv cannot be read \(ENOENT\)/],
    [
      'another model',
      ['--labels', 'tidy.csv', '--model', 'other/manifest.json'],
      /model that was found is other/,
    ],
    [
      'an operating point that is not there',
      ['--labels', 'tidy.csv', '--operating-point', 'x'],
      /no operating point "x"/,
    ],
    [
      'a folder that holds a report',
      ['--labels', 'tidy.csv', '--out', 'report'],
      /overwrite it with --force/,
    ],
  ])('refuses %s', async (_, args, message) => {
    await writeFile(join(folder, 'far.csv'), 'image,Effusion\nelsewhere.png,1\n');
    await writeFile(join(folder, 'odd.csv'), 'image,Effusion\n1.png,Nguyen\n');
    const ran = evaluate(
      '--out',
      'refused',
      ...args.map((arg) => arg.replace('other/', './other/')),
    );
    expect(ran.stderr).toMatch(message);
    expect(ran.stderr).not.toContain('Nguyen');
    expect(ran.status).toBe(2);
    expect(existsSync(join(folder, 'refused'))).toBe(false);
  });
});

describe('preread calibrate', () => {
  let overlay: ModelOverlay;

  beforeAll(async () => {
    const ran = preread([
      'calibrate',
      ...['--scores', 'scores.csv', '--labels', 'tidy.csv', '--model', model],
      ...['--criterion', 'sensitivity>=0.9', '--name', 'hospital', '--out', overlayPath],
    ]);
    expect(ran.stderr).toBe('');
    expect(ran.stdout).toContain('Figures are cross-validated by patient');
    overlay = modelOverlaySchema.parse(JSON.parse(await readFile(overlayPath, 'utf8')));
  });

  test('binds the overlay to the weights and says what it was fitted on', () => {
    expect(overlay).toMatchObject({
      name: 'hospital',
      version: '1.0.0',
      model: { sha256: tinyModel({ findings: FINDINGS }).manifest.file.sha256 },
      criterion: 'sensitivity>=0.9',
      fittedOn: { images: 400, patients: 200, patientsKnown: true },
    });
    const found = overlay.findings['Effusion'];
    expect(found?.basis).toBe('site');
    expect(found?.crossValidated?.sensitivity.value).toBeGreaterThan(0.8);
    // The log-odds of the labels are 2 * logit - 1.
    const slope = found?.calibration?.method === 'platt' ? found.calibration.slope : 0;
    expect(Math.abs(slope - 2)).toBeLessThan(0.7);
  });

  test('is used by evaluate, which says when it judges what it was fitted on', async () => {
    const args = ['--labels', 'tidy.csv', '--out', 'site', '--draws', '100'];
    expect(evaluate(...args, '--overlay', overlayPath).status).toBe(0);
    const report = await readReport('site');
    expect(report.model.operatingPoint).toBe('hospital@1.0.0');
    expect(report.evaluation.findings[0]?.threshold).toBe(overlay.findings['Effusion']?.threshold);
    expect(report.cautions.join()).toContain('fitted on this very label file');
  });

  test('is used by score: rows and the run record name it', async () => {
    await writeGreyImages(folder, 2, { size: 256 });
    const env = { PREREAD_MODEL_OVERLAY: overlayPath };
    const args = ['image-*.dcm', '--model', model, '--concurrency', '1'];
    expect(preread(['score', ...args, '--out', 'site.jsonl'], env).status).toBe(0);
    const [row = ''] = (await readFile(join(folder, 'site.jsonl'), 'utf8')).split('\n');
    const sha256 = createHash('sha256')
      .update(await readFile(overlayPath))
      .digest('hex');
    expect(JSON.parse(row)).toMatchObject({
      findings: [{ threshold: overlay.findings['Effusion']?.threshold }, {}],
      model: {
        operatingPoint: 'hospital@1.0.0',
        overlay: { name: 'hospital', version: '1.0.0', sha256 },
      },
    });
    expect(preread(['score', ...args, '--out', 'site.csv'], env).status).toBe(0);
    expect(await readFile(join(folder, 'site.csv'), 'utf8')).toContain(
      ',tiny@1.0.0+hospital@1.0.0',
    );
    const resumed = preread(['score', ...args, '--out', 'site.csv', '--resume']);
    expect(resumed.stderr).toMatch(/another model.operatingPoint, model.overlay/);
  });

  test('refuses to start anything with another model, or when it is damaged', async () => {
    const env = { PREREAD_MODEL_OVERLAY: overlayPath };
    const other = ['score', 'image-*.dcm', '--out', 'other.csv', '--model', './other'];
    const ran = preread(other, env);
    expect(ran.stderr).toContain('was made for tiny@1.0.0');
    expect(ran.status).toBe(2);
    expect(existsSync(join(folder, 'other.csv'))).toBe(false);
    const serve = preread(['serve'], {
      ...env,
      PREREAD_MODEL: join(folder, 'other'),
      PREREAD_DATA_DIR: join(folder, 'data'),
      PREREAD_PORT: '0',
    });
    expect(serve.stderr).toContain('model-overlay-mismatch');
    expect(serve.status).toBe(2);
    await writeFile(join(folder, 'damaged.json'), '{"schemaVersion":1}');
    const damaged = preread(['score', 'image-*.dcm', '--out', 'other.csv', '--model', model], {
      PREREAD_MODEL_OVERLAY: 'damaged.json',
    });
    expect(damaged.stderr).toContain('damaged.json: name: ');
    expect(damaged.status).toBe(2);
  });

  test('refuses scores that do not say which weights made them, and too few patients', async () => {
    const csv = await readFile(join(folder, 'scores.csv'), 'utf8');
    await writeFile(join(folder, 'unknown.csv'), csv);
    const args = ['--labels', 'tidy.csv', '--model', model, '--out', 'x.json'];
    const unknown = preread(['calibrate', '--scores', 'unknown.csv', ...args]);
    expect(unknown.stderr).toContain('the scores do not say which these were');
    expect(unknown.status).toBe(2);
    const few = preread(['calibrate', '--scores', 'scores.csv', ...args, '--min-patients', '300']);
    expect(few.stderr).toContain('No finding could be fitted');
    expect(existsSync(join(folder, 'x.json'))).toBe(false);
  });
});

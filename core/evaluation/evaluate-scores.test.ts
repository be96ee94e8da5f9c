import { describe, expect, it } from 'vitest';

import { evaluateScores } from './evaluate-scores.js';
import type { EvaluationData } from './evaluation-data.js';
import { NOTICE } from './report/evaluation-report.js';
import { reportPage } from './report/report-page.js';
import { seededRandom } from './seeded-random.js';

const SETTINGS = { draws: 200, seed: 1, minCell: 10 };

/** Two images a patient; every tenth label is unknown; women are scored at random. */
function data(images: number): EvaluationData {
  const random = seededRandom(2);
  const labels = Int8Array.from({ length: images }, (_, i) => (i % 10 === 9 ? -1 : i % 3 ? 0 : 1));
  const values = Array.from({ length: images }, (_, i) => (i % 20 === 0 ? '' : i % 2 ? 'F' : 'M'));
  return {
    images,
    patients: Uint32Array.from({ length: images }, (_, i) => Math.floor(i / 2)),
    patientCount: Math.ceil(images / 2),
    findings: [
      {
        key: 'Effusion',
        title: 'Effusion <of> "A & B"',
        withheld: undefined,
        threshold: 0.5,
        probabilities: Float64Array.from(labels, (label, i) =>
          values[i] === 'F' ? random() : Math.min(1, 0.35 * label + 0.6 * random() + 0.05),
        ),
        calibrated: undefined,
        labels,
      },
      {
        key: 'Hernia',
        title: 'Hernia',
        withheld: 'too weak',
        threshold: 0.5,
        probabilities: new Float64Array(images),
        calibrated: undefined,
        labels: new Int8Array(images),
      },
    ],
    subgroups: [{ name: 'sex', values }],
  };
}

describe('evaluateScores', () => {
  const evaluation = evaluateScores(data(600), SETTINGS);
  const [effusion, hernia] = evaluation.findings;

  it('counts known labels only', () => {
    expect((effusion?.positives ?? 0) + (effusion?.negatives ?? 0)).toBe(540);
  });

  it('gives counts but no curve without positives, and leaves the finding out of the mean', () => {
    expect(hernia).toMatchObject({ positives: 0, negatives: 600, discrimination: undefined });
    expect(evaluation.meanAuroc.findings).toBe(1);
    expect(evaluation.meanAuroc.value).toBe(effusion?.discrimination?.auroc);
    expect(evaluation.meanAuroc.bootstrap95).toEqual(effusion?.discrimination?.bootstrap95);
  });

  it('finds the subgroup that is served worse', () => {
    const [sex] = evaluation.subgroups;
    expect(sex).toMatchObject({ name: 'sex', unknown: 30, images: { F: 300, M: 270 } });
    const [female, male] = sex?.findings[0]?.cells ?? [];
    expect(female?.figures?.auroc95?.[0]).toBeLessThan(0.5);
    expect(male?.figures?.auroc).toBeGreaterThan(0.75);
    expect(sex?.findings[0]?.aurocGap).toBeGreaterThan(0.2);
    expect(sex?.findings[1]?.cells[0]?.figures).toBeUndefined();
  });

  it('makes a page that stands alone and escapes what it is given', () => {
    const page = reportPage({
      schemaVersion: 1,
      kind: 'preread-evaluation',
      softwareVersion: '0.0.0',
      notice: NOTICE,
      model: {
        name: 'tiny',
        version: '1.0.0',
        sha256: 'ab',
        sha256Confirmed: true,
        scoredWith: { precision: 'int8', sha256: 'ef' },
        operatingPoint: 'youden',
        trainingData: ['https://example.org/<set>'],
      },
      labels: {
        format: 'tidy',
        sha256: 'cd',
        policies: { uncertain: 'ignore', blank: 'ignore' },
        patientColumn: 'patient',
      },
      matching: {
        joinedBy: 'file name',
        scoreRows: 1,
        labelRows: 1,
        matched: 1,
        notAnalysed: {},
        unmatched: {},
        patientsKnown: true,
      },
      cautions: ['<b>bold</b>'],
      evaluation,
    });
    expect(page).not.toMatch(/<script|<link|src=|url\(|@import/);
    expect(page).not.toContain('<b>');
    expect(page).toContain('Effusion &lt;of&gt; &quot;A &amp; B&quot;');
    expect(page).not.toMatch(/NaN|undefined/);
    // ROC, precision-recall and reliability of one finding; the other has probabilities alone.
    expect(page.match(/<svg/g)).toHaveLength(4);
    expect(page).toContain('int8, SHA-256 ef');
    // Intervals of the reliability bins.
    expect(page).toContain('opacity="0.45"');
  });
});

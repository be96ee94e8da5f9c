import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { DEFAULT_MODEL } from '../../adapters/models/config.js';
import { modelSearchPath } from '../../adapters/models/find-model.js';
import { loadModel, type LoadedModel } from '../../adapters/models/load-model.js';
import {
  createClassifierSession,
  type ClassifierSession,
} from '../../adapters/onnx/classifier-session.js';
import { warmUp } from '../../adapters/onnx/self-test.js';
import { selfTestInput } from '../../core/inference/model-self-test.js';

let model: LoadedModel;
let session: ClassifierSession;

beforeAll(async () => {
  model = await loadModel(DEFAULT_MODEL, modelSearchPath());
  const { bytes, manifest } = model;
  session = await createClassifierSession({ bytes, manifest, provider: 'cpu' });
});

afterAll(async () => {
  await session.release();
});

describe('the shipped model', () => {
  test('reproduces its self-test', async () => {
    expect(model.selfTest?.cases.length).toBeGreaterThan(1);
    await warmUp(session, model.manifest, model.selfTest);
  });

  test('gives maps whose mean is the logit less the same bias for every image', async () => {
    const biases: number[][] = [];
    for (const { input } of model.selfTest?.cases ?? []) {
      const { logits, cams } = await session.run(selfTestInput(model.manifest.input, input), {
        cams: true,
      });
      const { data, height, width } = cams ?? { data: new Float32Array(), height: 0, width: 0 };
      const cells = height * width;
      expect(data).toHaveLength(model.manifest.findings.length * cells);
      biases.push(
        logits.map((logit, finding) => {
          const map = data.subarray(finding * cells, (finding + 1) * cells);
          return logit - map.reduce((sum, value) => sum + value, 0) / cells;
        }),
      );
    }
    for (const bias of biases) {
      bias.forEach((value, finding) => {
        // float32 means of 49 cells; measured difference 1e-6.
        expect(value).toBeCloseTo(biases[0]?.[finding] ?? NaN, 4);
      });
    }
  });

  test('withholds what is too weak, and says why', () => {
    for (const { evaluation, withheld } of model.manifest.findings) {
      expect(evaluation).toBeDefined();
      if ((evaluation?.auroc ?? 0) < 0.7) {
        expect(withheld).toMatch(/AUROC/);
      }
    }
  });

  test('discriminates on patients it was not trained on as well as is said of it', () => {
    const areas = model.manifest.findings.map(({ evaluation }) => evaluation?.auroc ?? 0);
    expect(areas.reduce((sum, area) => sum + area, 0) / areas.length).toBeGreaterThan(0.76);
  });

  test('flags with high specificity by default, and has a lower threshold for those who screen', () => {
    expect(model.manifest.operatingPoint).toBe('high-specificity');
    for (const { key, thresholds } of model.manifest.findings) {
      const { 'high-sensitivity': low = 1, 'high-specificity': high = 0, youden = 0 } = thresholds;
      expect([key, low < high, youden > 0]).toEqual([key, true, true]);
    }
  });

  test('has a card that speaks of these weights', async () => {
    const card = await readFile(join(model.folder, 'MODEL_CARD.md'), 'utf8');
    expect(card).toContain(model.manifest.file.sha256);
    expect(card).toContain(`# ${model.manifest.name} ${model.manifest.version}`);
    expect(card).toContain('not a medical device');
    for (const [, picture = ''] of card.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)) {
      expect(await readFile(join(model.folder, picture), 'utf8')).toMatch(/^<svg /);
    }
  });
});

import { expect, test } from 'vitest';

import type { SiteManifest } from './model-overlay.js';
import { heatMapOn } from './heat-map.js';
import { heatMapRecordSchema } from '../results/heat-map-record.js';
import { camsOfRecord, recordHeatMaps } from './record-heat-maps.js';

const manifest = { findings: [{ key: 'Mass' }, { key: 'Effusion' }] } as unknown as SiteManifest;
const picture = {
  grey: new Uint8Array(64),
  width: 8,
  height: 8,
  crop: { x0: 0, y0: 2, columns: 8, rows: 4 },
};
const cams = {
  width: 2,
  height: 2,
  data: Float32Array.from([9, 9, 9, 9, 3, -5, 1.5, 0]),
};

test('a kept map is the one that was drawn from, to a 255th of its maximum', () => {
  const findings = [
    { key: 'Mass', flagged: false },
    { key: 'Effusion', flagged: true },
  ];
  const [record, ...others] = recordHeatMaps(manifest, findings, cams, picture);
  expect(others).toEqual([]);
  expect(heatMapRecordSchema.parse(record)).toMatchObject({
    finding: 'Effusion',
    max: 3,
    crop: { left: 0, top: 0.25, width: 1, height: 0.5 },
  });
  const drawn = heatMapOn(picture, cams, 1);
  const kept = heatMapOn(picture, camsOfRecord(record!), 0);
  expect(kept.max).toBeCloseTo(drawn.max, 5);
  drawn.heat.forEach((value, at) => {
    expect(Math.abs((kept.heat[at] ?? NaN) - value)).toBeLessThan(1 / 255);
  });
});

test('a map in which nothing raises the score is kept as empty', () => {
  const flat = { ...cams, data: new Float32Array(8).fill(-1) };
  const [record] = recordHeatMaps(manifest, [{ key: 'Mass', flagged: true }], flat, picture);
  expect(record?.max).toBe(0);
  expect(heatMapOn(picture, camsOfRecord(record!), 0).heat.every((heat) => heat === 0)).toBe(true);
});

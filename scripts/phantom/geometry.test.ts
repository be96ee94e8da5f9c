import { describe, expect, it } from 'vitest';

import { addBall } from './fine-solids.js';
import { profile } from './profile.js';
import { createProjection } from './projection.js';
import { createRandom } from './random.js';
import { castRays, type Layer } from './ray-cast.js';
import { blur, latticeSize, upsample } from './smooth.js';
import { contains, ellipsoid, shrink } from './solid.js';
import { addTube, constant } from './tube.js';

const projection = createProjection({
  Rows: 100,
  Columns: 100,
  view: 'PA',
  centre: { acrossMm: 0, downMm: 0 },
});
const pixelMm = projection.spacingMm;
const lattice = {
  rows: 1,
  columns: 3,
  acrossMm: (column: number) => [0, 30, 80][column] ?? 0,
  downMm: () => 0,
};
const ball = ellipsoid({ x: 0, y: 0, z: 0 }, { x: 50, y: 50, z: 50 });
const sum = (values: Float32Array): number => values.reduce((a, b) => a + b, 0);

describe('castRays', () => {
  it('gives the chord of a ball: 2 sqrt(r^2 - d^2)', () => {
    const { attenuation } = castRays([{ solid: ball, perMm: 0.02 }], projection, lattice);
    expect(attenuation[0]).toBeCloseTo(2, 3);
    expect(attenuation[1]).toBeCloseTo(1.6, 3);
    expect(attenuation[2]).toBe(0);
  });

  it('lets a later layer displace the earlier ones and measures the lung that is left', () => {
    const layers: Layer[] = [
      { solid: ball, perMm: 0.005, lung: true },
      { solid: ellipsoid({ x: 0, y: 0, z: 20 }, { x: 10, y: 10, z: 10 }), perMm: 0.02 },
      { solid: ellipsoid({ x: 0, y: 0, z: 60 }, { x: 20, y: 20, z: 20 }), perMm: 0.01 },
    ];
    const { attenuation, lungDepthMm } = castRays(layers, projection, lattice);
    // Depths -50 to 10 lung, 10 to 30 the small ball, 30 to 40 lung, 40 to 80 the last ball. The balls are
    // magnified by up to 4 % for their depth, which does not change a chord through the middle.
    expect(lungDepthMm[0]).toBeCloseTo(70, 1);
    expect(attenuation[0]).toBeCloseTo(70 * 0.005 + 20 * 0.02 + 40 * 0.01, 3);
  });
});

describe('addTube', () => {
  it('puts the volume of the rod into its shadow, straight or along the ray', () => {
    for (const end of [
      { x: 60, y: 20, z: 0 },
      { x: 2, y: 0, z: 60 },
    ]) {
      const map = new Float32Array(100 * 100);
      const axis = [{ x: -end.x, y: -end.y, z: -end.z }, end];
      addTube(map, projection, {
        axis,
        halfHeightMm: constant(12),
        halfDepthMm: constant(9),
        perMm: 1,
      });
      const length = 2 * Math.hypot(end.x, end.y, end.z);
      const volume = Math.PI * 12 * 9 * length;
      expect(sum(map) * projection.spacingMm ** 2).toBeGreaterThan(0.96 * volume);
      expect(sum(map) * projection.spacingMm ** 2).toBeLessThan(1.04 * volume);
    }
  });

  it('gives the chord of a cylinder that lies across the rays', () => {
    const map = new Float32Array(100 * 100);
    addTube(map, projection, {
      axis: [
        { x: -100, y: pixelMm / 2, z: 0 },
        { x: 100, y: pixelMm / 2, z: 0 },
      ],
      halfHeightMm: constant(20),
      halfDepthMm: constant(10),
      perMm: 1,
    });
    // Row 50 has its centre half a pixel below the middle of the image, row 53 three pixels lower.
    expect(map[50 * 100 + 50]).toBeCloseTo(20, 0);
    expect(map[53 * 100 + 50]).toBeCloseTo(20 * Math.sqrt(1 - ((3 * pixelMm) / 20) ** 2), 0);
  });
});

describe('addBall', () => {
  it('adds the chord in the middle and nothing outside', () => {
    const map = new Float32Array(100 * 100);
    addBall(map, projection, { x: pixelMm / 2, y: pixelMm / 2, z: 0 }, 10, 0.5);
    expect(map[50 * 100 + 50]).toBeCloseTo(10, 5);
    expect(map[50 * 100 + 53]).toBe(0);
  });
});

describe('ellipsoid', () => {
  it('reaches, when tilted, as far as the turned ellipse does', () => {
    const tilt = 0.6;
    const solid = ellipsoid({ x: 5, y: 7, z: 0 }, { x: 20, y: 50, z: 10 }, tilt);
    let right = -Infinity;
    for (let y = solid.yMin; y <= solid.yMax; y += 0.01) {
      const section = solid.section(y);
      if (section !== undefined) right = Math.max(right, section.x + section.halfX);
    }
    expect(solid.yMax - 7).toBeCloseTo(Math.hypot(20 * Math.sin(tilt), 50 * Math.cos(tilt)), 6);
    expect(right - 5).toBeCloseTo(Math.hypot(20 * Math.cos(tilt), 50 * Math.sin(tilt)), 2);
  });

  it('contains its middle and loses its rim when shrunk', () => {
    expect(contains(ball, { x: 0, y: 0, z: 0 })).toBe(true);
    expect(contains(ball, { x: 49, y: 0, z: 0 })).toBe(true);
    expect(contains(shrink(ball, 2), { x: 49, y: 0, z: 0 })).toBe(false);
  });
});

describe('profile', () => {
  it('runs through its points and never overshoots between them', () => {
    const line = profile([
      [0, 1],
      [1, 1],
      [2, 5],
      [10, 6],
    ]);
    expect([-5, 0, 1, 2, 10, 50].map(line)).toEqual([1, 1, 1, 5, 6, 6]);
    let before = 1;
    for (let height = 0; height <= 10; height += 0.05) {
      expect(line(height)).toBeGreaterThanOrEqual(before - 1e-12);
      before = line(height);
    }
  });
});

describe('smooth', () => {
  it('blurs to the asked variance, as near as whole boxes come, and keeps the sum', () => {
    const values = new Float32Array(101 * 101);
    values[50 * 101 + 50] = 1;
    // Boxes of 11 pixels: three times (11^2 - 1) / 12.
    const blurred = blur({ rows: 101, columns: 101, values }, Math.sqrt(30));
    let variance = 0;
    for (const [index, value] of blurred.values.entries()) {
      variance += value * ((index % 101) - 50) ** 2;
    }
    expect(sum(blurred.values)).toBeCloseTo(1, 5);
    expect(variance).toBeCloseTo(30, 2);
  });

  it('blurs the same way towards every border', () => {
    const values = Float32Array.from({ length: 64 }, (_, index) => index % 8);
    const { values: blurred } = blur({ rows: 8, columns: 8, values }, 2);
    for (let column = 0; column < 8; column += 1) {
      expect((blurred[column] ?? 0) + (blurred[7 - column] ?? 0)).toBeCloseTo(7, 4);
    }
  });

  it.each([1, 2, 5])('reads a plane back exactly from a lattice of step %i', (step) => {
    const rows = 13;
    const columns = 17;
    const height = latticeSize(rows, step);
    const width = latticeSize(columns, step);
    const values = Float32Array.from({ length: height * width }, (_, index) => {
      return 2 * (Math.floor(index / width) - 1) * step + 3 * ((index % width) - 1) * step;
    });
    const map = upsample({ rows: height, columns: width, values }, step, rows, columns);
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        expect(map.values[row * columns + column]).toBeCloseTo(2 * row + 3 * column, 3);
      }
    }
  });
});

describe('createRandom', () => {
  it('draws normal deviates of mean 0 and variance 1', () => {
    const random = createRandom('moments');
    let total = 0;
    let squares = 0;
    const count = 40_000;
    for (let index = 0; index < count; index += 1) {
      const value = random.gaussian();
      total += value;
      squares += value * value;
    }
    // Four standard errors.
    expect(Math.abs(total / count)).toBeLessThan(0.02);
    expect(Math.abs(squares / count - 1)).toBeLessThan(0.03);
  });

  it('forks streams that do not depend on what was drawn before', () => {
    const random = createRandom(7);
    const early = random.fork('a').uniform();
    random.uniform();
    expect(random.fork('a').uniform()).toBe(early);
    expect(random.fork('b').uniform()).not.toBe(early);
  });
});

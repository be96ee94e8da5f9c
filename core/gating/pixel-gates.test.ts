import { describe, expect, it } from 'vitest';

import { DEFAULT_GATE_POLICY, gatePolicySchema } from './gate-policy.js';
import { invertedTensor, runPixelGates } from './pixel-gates.js';

const SIZE = 224;
const RANGE = [-1, 1] as const;

type Picture = (x: number, y: number) => number;

/** A drawn chest: dark air beside it, dark lungs, a bright middle, shoulders and abdomen; 0..1. */
const chest: Picture = (x, y) => {
  const lung = ((Math.abs(x - 0.5) - 0.2) / 0.14) ** 2 + ((y - 0.45) / 0.32) ** 2 < 1;
  const body = Math.abs(x - 0.5) < 0.46 - Math.max(0, 0.15 - y) * 2;
  return lung ? 0.25 : body ? 0.7 + 0.2 * y : 0;
};

function tensorOf(picture: Picture, [low, high]: readonly [number, number] = RANGE): Float32Array {
  return Float32Array.from({ length: SIZE * SIZE }, (_, index) => {
    const x = ((index % SIZE) + 0.5) / SIZE;
    const y = (Math.floor(index / SIZE) + 0.5) / SIZE;
    return low + (high - low) * picture(x, y);
  });
}

function run(tensor: Float32Array, policy = {}, range: readonly [number, number] = RANGE) {
  const { gates, invert } = runPixelGates(
    tensor,
    { size: SIZE, range: [...range] },
    gatePolicySchema.parse(policy),
  );
  const failed = gates.filter(({ verdict }) => verdict !== 'pass');
  return {
    text: failed.map(({ gate, verdict }) => `${gate} ${verdict}`).join(', '),
    invert,
    gates,
  };
}

const inverted: Picture = (x, y) => 1 - chest(x, y);

describe('runPixelGates', () => {
  it.each([
    ['[-1, 1]', RANGE],
    ['[-1024, 1024]', [-1024, 1024] as const],
  ])('passes a chest in every gate, in order; range %s', (_, range) => {
    const { gates, invert } = run(tensorOf(chest, range), {}, range);
    expect(gates).toEqual(
      ['blank', 'saturation', 'polarity', 'rotation', 'field', 'cropped'].map((gate) => ({
        gate,
        verdict: 'pass',
      })),
    );
    expect(invert).toBe(false);
  });

  it('leaves the tensor alone', () => {
    const tensor = tensorOf(chest);
    const before = tensor.slice();
    run(tensor);
    expect(tensor).toEqual(before);
  });

  it.each([0, 0.3, 1])('refuses a blank image at the level %s', (level) => {
    const { text, gates } = run(tensorOf(() => level));
    expect(text).toBe('blank refuse');
    expect(gates).toEqual([
      expect.objectContaining({ gate: 'blank', reason: 'image-blank' }) as unknown,
    ]);
  });

  it('takes faint contrast for an image, and a few bright pixels for none', () => {
    expect(run(tensorOf((x, y) => 0.5 + 0.01 * chest(x, y))).text).toBe('');
    expect(run(tensorOf((x, y) => (x < 0.05 && y < 0.05 ? 1 : 0))).text).toBe('blank refuse');
  });

  it('warns of an image that is mostly black or mostly white', () => {
    const small: Picture = (x, y) => (Math.hypot(x - 0.5, y - 0.5) < 0.2 ? 0.4 + x : 0);
    expect(run(tensorOf(small)).text).toContain('saturation warn');
    expect(run(tensorOf((x, y) => 1 - small(x, y))).text).toContain('saturation warn');
  });

  it('corrects an image that is certainly inverted, and says so', () => {
    const { text, invert, gates } = run(tensorOf(inverted));
    expect(text).toBe('polarity warn');
    expect(invert).toBe(true);
    expect(gates[2]?.detail).toMatch(/the right way/);
    expect(run(invertedTensor(tensorOf(inverted), RANGE)).text).toBe('');
  });

  it('only warns of it, or does not look, where the site wants it so', () => {
    expect(run(tensorOf(inverted), { invertedPolarity: 'warn' })).toMatchObject({
      text: 'polarity warn',
      invert: false,
    });
    expect(run(tensorOf(inverted), { invertedPolarity: 'off' })).toMatchObject({
      text: '',
      invert: false,
    });
  });

  it.each([
    [90, (x, y) => chest(y, 1 - x)],
    [180, (x, y) => chest(1 - x, 1 - y)],
    [270, (x, y) => chest(1 - y, x)],
  ] satisfies [number, Picture][])('warns of a chest turned by %i degrees', (degrees, picture) => {
    const { text, gates } = run(tensorOf(picture));
    expect(text).toBe('rotation warn');
    expect(gates[3]?.detail).toContain(`turned by ${degrees} degrees`);
  });

  it('never corrects one that is both turned and inverted', () => {
    const { text, invert } = run(tensorOf((x, y) => 1 - chest(y, 1 - x)));
    expect(text).toBe('polarity warn, rotation warn');
    expect(invert).toBe(false);
  });

  it('never corrects one of which a part is missing when it is read the other way', () => {
    const { text, invert } = run(tensorOf((x, y) => inverted(0.075 + 0.85 * x, 0.85 * y)));
    expect(text).toBe('polarity warn');
    expect(invert).toBe(false);
  });

  it('lets a mirrored chest pass', () => {
    expect(run(tensorOf((x, y) => chest(1 - x, y) + (x > 0.9 && y < 0.1 ? 0.2 : 0))).text).toBe('');
  });

  it('warns of a field that is less than half as wide as the picture', () => {
    const strip: Picture = (x, y) =>
      Math.abs(x - 0.5) > 0.2 ? 0 : chest((x - 0.5) * 2.2 + 0.5, y);
    expect(run(tensorOf(strip)).text).toContain('field warn');
  });

  it('judges the first channel of three', () => {
    const plane = tensorOf(chest);
    const tensor = new Float32Array(3 * plane.length);
    tensor.set(plane);
    expect(run(tensor).text).toBe('');
  });

  it('gives every warning a sentence', () => {
    for (const picture of [inverted, (x: number, y: number) => chest(y, 1 - x), () => 0.5]) {
      const { gates } = runPixelGates(
        tensorOf(picture),
        { size: SIZE, range: [-1, 1] },
        DEFAULT_GATE_POLICY,
      );
      for (const { verdict, detail } of gates) {
        expect(verdict === 'pass' || /^[A-Z].*\.$/.test(detail ?? '')).toBe(true);
      }
    }
  });
});

describe('invertedTensor', () => {
  it('mirrors the range', () => {
    expect([...invertedTensor(Float32Array.of(-1024, 0, 1024), [-1024, 1024])]).toEqual([
      1024, 0, -1024,
    ]);
    expect([...invertedTensor(Float32Array.of(0, 0.25), [0, 1])]).toEqual([1, 0.75]);
  });
});

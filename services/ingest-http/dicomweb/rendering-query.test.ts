import { describe, expect, it } from 'vitest';

import { parseRendering } from './rendering-query.js';

describe('the query of a rendered resource', () => {
  it('says where, which part, which window and how good', () => {
    expect(
      parseRendering('rendered', {
        viewport: '512,256,,10,-20.5,30',
        window: '40,400,linear-exact',
        quality: '75',
      }),
    ).toEqual({
      viewport: { width: 512, height: 256, y: 10, regionWidth: -20.5, regionHeight: 30 },
      window: { center: 40, width: 400, function: 'LINEAR_EXACT' },
      quality: 75,
    });
    expect(parseRendering('thumbnail', { viewport: '64,64' })).toEqual({
      viewport: { width: 64, height: 64 },
    });
  });

  it.each([
    { viewport: '512' },
    { viewport: '0,10' },
    { viewport: '99999,10' },
    { viewport: '1e3,10' },
    { viewport: '10,10,1,2,3' },
    { viewport: ['10,10', '20,20'] },
    { window: '1,2' },
    { window: '1,0,linear' },
    { window: '1,0.5,linear' },
    { window: '1,-2,sigmoid' },
    { window: '1,2,cubic' },
    { quality: '0' },
    { quality: '101' },
    { annotation: 'patient' },
  ])('refuses %o', (query) => {
    expect(() => parseRendering('rendered', query)).toThrow();
  });

  it('of a thumbnail has no window', () => {
    expect(() => parseRendering('thumbnail', { window: '1,2,linear' })).toThrow();
  });
});

import { describe, expect, it } from 'vitest';

import { negotiate, parseMediaType } from './media-type.js';

describe('parseMediaType', () => {
  it.each([
    'multipart/related; type="application/dicom"; boundary=abc',
    'multipart/related;type=application/dicom;boundary="abc"',
    'Multipart/Related ; Type=application/dicom ; Boundary=abc ;',
  ])('reads quoted and unquoted parameters alike: %s', (text) => {
    const mediaType = parseMediaType(text);
    expect(mediaType?.essence).toBe('multipart/related');
    expect(mediaType?.parameters.get('type')).toBe('application/dicom');
    expect(mediaType?.parameters.get('boundary')).toBe('abc');
  });

  it('keeps semicolons, commas and escapes inside quotes', () => {
    const mediaType = parseMediaType('multipart/related; boundary="a;b,c\\"d"; x=1');
    expect(mediaType?.parameters.get('boundary')).toBe('a;b,c"d');
    expect(mediaType?.parameters.get('x')).toBe('1');
  });

  it.each([undefined, '', 'dicom', 'a/b/c', 'application/', 'multipart/related; boundary="open'])(
    'gives nothing for %s',
    (text) => {
      expect(parseMediaType(text)).toBeUndefined();
    },
  );
});

describe('negotiate', () => {
  const available = ['application/dicom+json', 'application/json'] as const;

  it.each([
    [undefined, 'application/dicom+json'],
    ['*/*', 'application/dicom+json'],
    ['application/*', 'application/dicom+json'],
    ['application/json', 'application/json'],
    ['application/dicom+xml;q=0.9, application/dicom+json;q=0.1', 'application/dicom+json'],
    ['application/dicom+json;q=0.2, application/json', 'application/json'],
    ['application/dicom+json; charset="utf-8, odd"', 'application/dicom+json'],
    ['*/*, application/dicom+json;q=0', 'application/json'],
    ['application/dicom+xml', undefined],
    ['text/html, image/*', undefined],
    ['*/*;q=0', undefined],
  ])('answers Accept %s with %s', (accept, expected) => {
    expect(negotiate(accept, available)).toBe(expected);
  });
});

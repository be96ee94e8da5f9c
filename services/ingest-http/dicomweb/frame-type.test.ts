import { describe, expect, it } from 'vitest';

import { chooseFrameType } from './frame-type.js';

const NATIVE = '1.2.840.10008.1.2';
const JPEG_LS = '1.2.840.10008.1.2.4.80';
const DECODED = 'application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1';

describe('chooseFrameType', () => {
  it.each([
    [undefined, JPEG_LS, DECODED],
    ['*/*', JPEG_LS, DECODED],
    ['multipart/related; type="application/octet-stream"', JPEG_LS, DECODED],
    ['multipart/related; type=application/octet-stream', NATIVE, DECODED],
    [
      'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1',
      JPEG_LS,
      DECODED,
    ],
    ['multipart/related; type="application/octet-stream"; transfer-syntax=*', NATIVE, DECODED],
    [
      'multipart/related; type=application/octet-stream; transfer-syntax=*',
      JPEG_LS,
      `application/octet-stream; transfer-syntax=${JPEG_LS}`,
    ],
    ['multipart/related; type="image/jls"', JPEG_LS, `image/jls; transfer-syntax=${JPEG_LS}`],
    ['multipart/related; type="image/x-jls"', JPEG_LS, `image/jls; transfer-syntax=${JPEG_LS}`],
    [
      `multipart/related; type="image/*"; transfer-syntax=*`,
      JPEG_LS,
      `image/jls; transfer-syntax=${JPEG_LS}`,
    ],
    [
      'multipart/related; type="image/jp2", multipart/related; type="image/jls"; q=0.5',
      JPEG_LS,
      `image/jls; transfer-syntax=${JPEG_LS}`,
    ],
    [
      'multipart/related; type="image/jls"; q=0.1, multipart/related; type="application/octet-stream"',
      JPEG_LS,
      DECODED,
    ],
  ])('answers %s of an object in %s with %s', (accept, stored, contentType) => {
    expect(chooseFrameType(accept, stored)).toMatchObject({
      contentType,
      multipart: true,
      decoded: stored === JPEG_LS && contentType === DECODED,
    });
  });

  it.each(['application/octet-stream', 'image/jls'])('sends %s alone without parts', (accept) => {
    expect(chooseFrameType(accept, JPEG_LS)?.multipart).toBe(false);
  });

  it.each([
    ['multipart/related; type="image/jp2"', JPEG_LS],
    ['multipart/related; type="image/jls"', NATIVE],
    ['multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.81', JPEG_LS],
    [
      'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.2',
      NATIVE,
    ],
    ['text/html', JPEG_LS],
    ['*/*; q=0', JPEG_LS],
  ])('has nothing for %s of an object in %s', (accept, stored) => {
    expect(chooseFrameType(accept, stored)).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';

import { parseTraceparent, traceIdFromUuid, traceparentHeader } from './trace.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('a trace id', () => {
  it('is taken from a valid traceparent and from nothing else', () => {
    expect(parseTraceparent(`00-${TRACE}-00f067aa0ba902b7-01`)).toEqual({
      traceId: TRACE,
      parentSpanId: '00f067aa0ba902b7',
    });
    expect(parseTraceparent(`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`)).toBeUndefined();
    expect(parseTraceparent(`00-${TRACE}-${'0'.repeat(16)}-01`)).toBeUndefined();
    expect(parseTraceparent('Tran^Thi Bich Ngoc')).toBeUndefined();
    expect(parseTraceparent(undefined)).toBeUndefined();
  });

  it('is passed on in a traceparent', () => {
    const header = traceparentHeader(TRACE, '01234567-89ab-4def-8123-456789abcdef');
    expect(header).toBe(`00-${TRACE}-0123456789ab4def-01`);
    expect(parseTraceparent(header)?.traceId).toBe(TRACE);
  });

  it('is made from the digits of a UUID', () => {
    expect(traceIdFromUuid('01234567-89AB-4def-8123-456789abcdef')).toBe(
      '0123456789ab4def8123456789abcdef',
    );
  });
});

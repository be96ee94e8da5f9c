/**
 * The trace id of W3C Trace Context: 32 hexadecimal digits that follow an image from the wire to the
 * webhook. Source: W3C Trace Context, 3.2.2.
 */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;
const NOTHING = /^0+$/;

/** What a request belongs to: a trace, and in it the sender's span, when it has one. */
export interface TraceParent {
  readonly traceId: string;
  readonly parentSpanId?: string | undefined;
}

/** The sender's trace and span, when it has sent valid ones. */
export function parseTraceparent(traceparent: string | undefined): TraceParent | undefined {
  const [, traceId = '0', parentSpanId = '0'] = TRACEPARENT.exec(traceparent?.trim() ?? '') ?? [];
  return NOTHING.test(traceId) || NOTHING.test(parentSpanId)
    ? undefined
    : { traceId, parentSpanId };
}

/** @param uuid a random one; its digits are as good as any */
export function traceIdFromUuid(uuid: string): string {
  return uuid.replaceAll('-', '').toLowerCase();
}

/** A header that tells the next one in the chain; the parent is the thing that the message is about. */
export function traceparentHeader(traceId: string, parentUuid: string): string {
  return `00-${traceId}-${traceIdFromUuid(parentUuid).slice(0, 16)}-01`;
}

/**
 * The span that all others of ours are children of, which is that of the first ingest. Its id follows from the trace's, so
 * that processes which know only the trace agree on it.
 */
export function rootSpanId(traceId: string): string {
  return traceId.slice(16);
}

/** The header by which others hang their spans below our first one. */
export function rootTraceparent(traceId: string): string {
  return `00-${traceId}-${rootSpanId(traceId)}-01`;
}

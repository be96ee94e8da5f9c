/**
 * The trace id of W3C Trace Context: 32 hexadecimal digits that follow an image from the wire to the
 * webhook. Source: W3C Trace Context, 3.2.2.
 */
const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;
const NO_TRACE = '0'.repeat(32);

/** The sender's trace id, when it has sent a valid one. */
export function traceIdFromHeader(traceparent: string | undefined): string | undefined {
  const traceId = TRACEPARENT.exec(traceparent?.trim() ?? '')?.[1];
  return traceId === NO_TRACE ? undefined : traceId;
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
 * The span that all of ours are children of: its id follows from the trace's, so that processes which know only
 * the trace agree on it.
 */
export function rootSpanId(traceId: string): string {
  return traceId.slice(16);
}

import { setFlagsFromString } from 'node:v8';

/**
 * A heap may double before all of it is collected again. V8 lets one of 45 MB grow by 8, which the pieces of ten received
 * images fill: at a high rate the whole heap was marked three times a second.
 */
export const HEAP_MAY_DOUBLE = '--heap-growing-percent=100';

/** For this process and its threads. Setting it after the start is known to work with the V8 of Node 20. */
export function letHeapDouble(): void {
  setFlagsFromString(HEAP_MAY_DOUBLE);
}

/** A worker says so often that it is there, and that what it has in hand is still its own. */
export const OFFER_INTERVAL_MS = 3_000;
/** A worker that was not heard of for so long is not counted on. */
export const OFFER_ALIVE_MS = 12_000;
/** So long after its last word another worker gets what a worker had in hand. */
export const LEASE_MS = 20_000;

/** A collector says so often that it is there. */
export const RUN_INTERVAL_MS = 3_000;
/** Nobody works for a collector that was not heard of for so long. */
export const RUN_ALIVE_MS = 30_000;

/** A file that so many workers had in hand when they ended is taken for the reason. */
export const MAX_CLAIMS = 4;

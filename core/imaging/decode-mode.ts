/**
 * `full` decodes every image whole and resamples it exactly, as the recipes' references do; `fast` no further and no more
 * exactly than the input needs.
 */
export const DECODE_MODES = ['fast', 'full'] as const;

export type DecodeMode = (typeof DECODE_MODES)[number];

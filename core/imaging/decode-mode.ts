/** `full` decodes every image whole, as the recipes' references do; `fast` no further than the input needs. */
export const DECODE_MODES = ['fast', 'full'] as const;

export type DecodeMode = (typeof DECODE_MODES)[number];

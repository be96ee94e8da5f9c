/**
 * Luma of a colour, rounded to an integer of the same range. Grey stays what it was, because the
 * weights add up to one. Source: ITU-R BT.601, the weights of PS3.3 C.7.6.3.1.2 (YBR_FULL).
 */
export function luminance(red: number, green: number, blue: number): number {
  return Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
}

/** Longest pattern and value that are compared; the cost is at most their product. */
export const MAX_PATTERN_LENGTH = 200;
const MAX_VALUE_LENGTH = 1024;

/**
 * DICOM's own wild cards: `*` is any run of characters, also none, and `?` exactly one. Source: PS3.4
 * C.2.2.2.4. Regular expressions are left out: an unlucky one in a site's file would stop the pipeline.
 */
export function matchesWildcard(value: string, pattern: string): boolean {
  const text = value.slice(0, MAX_VALUE_LENGTH);
  let at = 0;
  let of = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    if (pattern[of] === '*') {
      star = of;
      starAt = at;
      of += 1;
    } else if (pattern[of] === '?' || pattern[of] === text[at]) {
      of += 1;
      at += 1;
    } else if (star >= 0) {
      // The last star takes one character more.
      starAt += 1;
      at = starAt;
      of = star + 1;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(of));
}

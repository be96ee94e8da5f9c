/** One attribute in the DICOM JSON model. Source: PS3.18 F.2. */
export interface JsonAttribute {
  readonly vr: string;
  readonly Value?: readonly unknown[];
}

/**
 * Whether an attribute matches a key of a query: UIDs as a list, dates and times as a range, everything else with
 * `*` and `?`; names in any case. An empty key matches everything. Source: PS3.4 C.2.2.2.
 */
export function matchesKey(attribute: JsonAttribute | undefined, vr: string, key: string): boolean {
  if (key === '' || key === '*') {
    return true;
  }
  const values = (attribute?.Value ?? []).map(textOf);
  if (vr === 'UI') {
    const wanted = key.split(/[,\\]/).map((uid) => uid.trim());
    return values.some((value) => wanted.includes(value));
  }
  if (vr === 'DA' || vr === 'TM') {
    return values.some((value) => inRange(value, key));
  }
  const folded = (text: string): string =>
    vr === 'PN' ? text.normalize('NFC').toLowerCase() : text.normalize('NFC');
  return values.some((value) => matchesWildcards(folded(value), folded(key)));
}

/** A name's component groups as they are written: the groups of a key may stand in any of them. */
function textOf(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    return Object.values(value).map(String).join('=');
  }
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** A range ends with what its end begins: `-2026` holds all of that year. */
function inRange(value: string, key: string): boolean {
  const [from = '', to] = key.split('-');
  return to === undefined
    ? value === from
    : value >= from && (to === '' || value.slice(0, to.length) <= to);
}

/** Takes at most the product of both lengths, whatever the pattern: keys come from outside. */
function matchesWildcards(text: string, pattern: string): boolean {
  const [have, want] = [Array.from(text), Array.from(pattern)];
  let [at, next] = [0, 0];
  /** Behind the last `*`, and where in the text what it stands for ends so far. */
  let star: { next: number; at: number } | undefined;
  while (at < have.length) {
    if (want[next] === '*') {
      next += 1;
      star = { next, at };
    } else if (next < want.length && (want[next] === '?' || want[next] === have[at])) {
      next += 1;
      at += 1;
    } else if (star === undefined) {
      return false;
    } else {
      star.at += 1;
      ({ next, at } = star);
    }
  }
  return want.slice(next).every((character) => character === '*');
}

/** A media type with its parameters. Names are lower case; values keep their case. */
export interface MediaType {
  readonly essence: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const PARAMETER =
  /\s*;\s*(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?\s*/y;

/**
 * Content-Type or one element of Accept (RFC 9110 8.3.1), with the tolerance that DICOMweb needs:
 * unquoted parameter values may hold characters that are no tokens, as in `type=application/dicom`.
 * Returns undefined for anything that is not a media type.
 */
export function parseMediaType(text: string | undefined): MediaType | undefined {
  if (text === undefined) {
    return undefined;
  }
  const end = text.indexOf(';');
  const essence = (end < 0 ? text : text.slice(0, end)).trim().toLowerCase();
  const [type = '', subtype = '', ...rest] = essence.split('/');
  if (!TOKEN.test(type) || !TOKEN.test(subtype) || rest.length > 0) {
    return undefined;
  }
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = end < 0 ? text.length : end;
  while (PARAMETER.lastIndex < text.length) {
    const match = PARAMETER.exec(text);
    if (match === null) {
      return undefined;
    }
    const [, name, quoted, bare] = match;
    if (name !== undefined) {
      parameters.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? bare ?? '');
    }
  }
  return { essence, parameters };
}

/**
 * The first of `available` (best first) that an Accept header allows with the highest weight; undefined
 * when it allows none. A missing header allows everything. Parameters other than `q` are ignored.
 */
export function negotiate<T extends string>(
  accept: string | undefined,
  available: readonly [T, ...T[]],
): T | undefined {
  if (accept === undefined || accept.trim() === '') {
    return available[0];
  }
  const ranges = splitOutsideQuotes(accept).map(parseMediaType);
  let best: { type: T; weight: number } | undefined;
  for (const type of available) {
    const weight = weightOf(type, ranges);
    if (weight > (best?.weight ?? 0)) {
      best = { type, weight };
    }
  }
  return best?.type;
}

/** The ranges of an Accept header that are wanted at all, the most wanted first. A missing header is all of them. */
export function acceptedRanges(accept: string | undefined): readonly MediaType[] {
  const ranges = splitOutsideQuotes(accept?.trim() || '*/*').flatMap(
    (range) => parseMediaType(range) ?? [],
  );
  const weight = ({ parameters }: MediaType) => Number(parameters.get('q') ?? 1);
  return ranges
    .filter((range) => weight(range) > 0)
    .sort((one, other) => weight(other) - weight(one));
}

/** Whether a range such as `image/*` covers a media type, parameters aside. */
export function covers(range: string, type: string): boolean {
  return range === '*/*' || range === type || range === `${type.split('/')[0] ?? ''}/*`;
}

/** The most specific range that covers the type decides (RFC 9110 12.5.1). */
function weightOf(type: string, ranges: readonly (MediaType | undefined)[]): number {
  const family = `${type.split('/')[0] ?? ''}/*`;
  for (const essence of [type, family, '*/*']) {
    const weights = ranges
      .filter((range) => range?.essence === essence)
      .map((range) => Number(range?.parameters.get('q') ?? 1));
    if (weights.length > 0) {
      return Math.max(...weights.filter((weight) => weight >= 0 && weight <= 1), 0);
    }
  }
  return 0;
}

function splitOutsideQuotes(list: string): string[] {
  return list.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? [];
}

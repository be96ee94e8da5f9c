/** Lower bounds of the age bands, in years. */
const AGE_BANDS = [0, 18, 40, 60, 80] as const;
/** Label sets hold ages such as 413: what is older than anybody is unknown. */
const OLDEST = 120;

/** `58`, `058Y`, `58.0` as `40-59`; '' when it is no age in years. */
export function ageBand(text: string): string {
  const match = /^0*(\d{1,3})(?:\.\d+)?Y?$/i.exec(text.trim());
  const age = Number(match?.[1] ?? NaN);
  if (!(age <= OLDEST)) {
    return '';
  }
  const at = AGE_BANDS.findLastIndex((low) => age >= low);
  const next = AGE_BANDS[at + 1];
  return next === undefined ? `${AGE_BANDS[at] ?? 0}+` : `${AGE_BANDS[at] ?? 0}-${next - 1}`;
}

/** `M` or `F`; '' when it is unknown. */
export function sexOf(text: string): string {
  const letter = text.trim().charAt(0).toUpperCase();
  return letter === 'M' || letter === 'F' ? letter : '';
}

/** `PA`, `AP` and so on; '' when it is not stated. */
export function viewOf(text: string): string {
  const view = text.trim().toUpperCase();
  return view === 'UNKNOWN' || view === 'NAN' ? '' : view;
}

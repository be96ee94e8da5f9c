const YEARS_PER_UNIT = { Y: 1, M: 1 / 12, W: 7 / 365.25, D: 1 / 365.25 } as const;
const MS_PER_YEAR = 365.25 * 24 * 3600 * 1000;

/** Older than anyone: such ages occur as typing errors (411Y in a public set) and say nothing. */
const MAX_AGE_YEARS = 130;

export interface AgeAttributes {
  /** AS, PS3.5 6.2: three digits and a unit. A bare number of years occurs in public sets. */
  readonly PatientAge: string | undefined;
  /** DA, YYYYMMDD. */
  readonly PatientBirthDate: string | undefined;
  /** DA of the acquisition, else of the study. */
  readonly date: string | undefined;
}

/**
 * Age in years (fractional) at the examination: PatientAge, else from the birth date. Undefined when
 * neither can be read. A birth date after the examination is undefined too.
 */
export function ageInYears(attributes: AgeAttributes): number | undefined {
  return plausible(ageStringToYears(attributes.PatientAge) ?? fromDates(attributes));
}

/** An Age String in years (fractional); undefined when it cannot be read. */
export function ageStringToYears(text: string | undefined): number | undefined {
  const match = /^(\d{1,3})\s*([YMWD])?$/i.exec(text ?? '');
  if (match?.[1] === undefined) {
    return undefined;
  }
  const unit = (match[2] ?? 'Y').toUpperCase() as keyof typeof YEARS_PER_UNIT;
  return plausible(Number(match[1]) * YEARS_PER_UNIT[unit]);
}

function fromDates({ PatientBirthDate, date }: AgeAttributes): number | undefined {
  const birthMs = parseDate(PatientBirthDate);
  const dateMs = parseDate(date);
  return birthMs === undefined || dateMs === undefined
    ? undefined
    : (dateMs - birthMs) / MS_PER_YEAR;
}

function parseDate(text: string | undefined): number | undefined {
  const match = /^(\d{4})\.?(\d{2})\.?(\d{2})$/.exec(text ?? '');
  if (match === null) {
    return undefined;
  }
  const ms = Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
  return new Date(ms).getUTCDate() === Number(match[3]) ? ms : undefined;
}

function plausible(years: number | undefined): number | undefined {
  return years !== undefined && years >= 0 && years <= MAX_AGE_YEARS ? years : undefined;
}

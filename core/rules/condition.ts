import { z } from 'zod';

import { ageStringToYears } from '../dicom/age.js';
import { matchesWildcard, MAX_PATTERN_LENGTH } from './wildcard.js';

/** One step of the way to an attribute: the attribute itself, or a sequence on the way to it. */
export interface AttributeStep {
  /** `GGGGEEEE`, upper case. */
  readonly tag: string;
  /** By the dictionary; undefined for private and unknown tags. */
  readonly vr: string | undefined;
}

/** Finds an attribute by its PS3.6 keyword or its tag; undefined when there is none. */
export type FindAttribute = (name: string) => AttributeStep | undefined;

/**
 * The values of an attribute as trimmed text, of all items when the way leads through sequences. None
 * when it is absent or empty; a sequence has one value, of no meaning, for each item.
 */
export type ReadAttribute = (path: readonly AttributeStep[]) => readonly string[];

const COMPARISONS = ['below', 'atMost', 'atLeast', 'above'] as const;
type Comparison = (typeof COMPARISONS)[number];
type Scalar = string | number;

type Test =
  | { readonly operator: 'in'; readonly values: readonly Scalar[] }
  | { readonly operator: 'matches'; readonly patterns: readonly string[] }
  | { readonly operator: 'exists'; readonly wanted: boolean }
  | { readonly operator: Comparison; readonly bound: number };

/**
 * What must hold of an object's header. Plain data, so that it can be handed to another process. Also for
 * other decisions by attributes than gates: nothing here knows what follows from a condition.
 */
export type Condition =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | {
      readonly kind: 'attribute';
      /** As it was written. */
      readonly attribute: string;
      readonly path: readonly AttributeStep[];
      readonly test: Test;
    };

const MAX_VALUES = 1000;
/** Values that can only be tested for their presence: they have no text. */
const VRS_WITHOUT_TEXT: ReadonlySet<string | undefined> = new Set(
  'SQ OB OD OF OL OV OW UN'.split(' '),
);

const scalar = z.union([z.string(), z.number()], 'must be a text or a number');
const pattern = z.string().min(1).max(MAX_PATTERN_LENGTH);

/** A condition as it is written; attributes are looked up with `findAttribute`. */
export function conditionSchema(findAttribute: FindAttribute): z.ZodType<Condition> {
  const condition: z.ZodType<Condition> = z.lazy(() =>
    z
      .strictObject({
        all: z.array(condition).min(1).optional(),
        any: z.array(condition).min(1).optional(),
        not: condition.optional(),
        attribute: z.string().min(1).max(200).optional(),
        equals: scalar.optional(),
        in: z.array(scalar).min(1).max(MAX_VALUES).optional(),
        matches: z.union([pattern, z.array(pattern).min(1).max(MAX_VALUES)]).optional(),
        exists: z.boolean().optional(),
        below: z.number().optional(),
        atMost: z.number().optional(),
        atLeast: z.number().optional(),
        above: z.number().optional(),
      })
      .transform((raw, context): Condition => {
        const { all, any, not, attribute, ...operators } = raw;
        const given = (['all', 'any', 'not', 'attribute'] as const).filter(
          (key) => raw[key] !== undefined,
        );
        const tests = testsOf(operators);
        const fail = (message: string, ...path: string[]) => {
          context.addIssue({ code: 'custom', message, path });
          return z.NEVER;
        };
        if (given.length !== 1) {
          return fail('must have exactly one of attribute, all, any and not');
        }
        if (attribute === undefined) {
          if (tests.length > 0) {
            return fail('has a comparison without an attribute');
          }
          return not !== undefined
            ? { kind: 'not', of: not }
            : { kind: all === undefined ? 'any' : 'all', of: all ?? any ?? [] };
        }
        if (tests.length === 0) {
          return fail('needs equals, in, matches, exists, below, atMost, atLeast or above');
        }
        const path = attributePath(attribute, findAttribute);
        if (typeof path === 'string') {
          return fail(path, 'attribute');
        }
        const hasText = !VRS_WITHOUT_TEXT.has(path.at(-1)?.vr);
        if (!hasText && tests.some(({ operator }) => operator !== 'exists')) {
          return fail(`${attribute} has no text: it can only be tested with exists`, 'attribute');
        }
        const [first, ...others] = tests.map((test): Condition => ({
          kind: 'attribute',
          attribute,
          path,
          test,
        }));
        return first === undefined || others.length > 0
          ? { kind: 'all', of: [...(first === undefined ? [] : [first]), ...others] }
          : first;
      }),
  );
  return condition;
}

/**
 * Whether a condition holds. An attribute with several values holds when one of them does. Of an absent
 * one nothing holds but `exists: false`.
 */
export function holds(condition: Condition, read: ReadAttribute): boolean {
  switch (condition.kind) {
    case 'all':
      return condition.of.every((part) => holds(part, read));
    case 'any':
      return condition.of.some((part) => holds(part, read));
    case 'not':
      return !holds(condition.of, read);
    case 'attribute': {
      const { test, path } = condition;
      const values = read(path);
      return test.operator === 'exists'
        ? values.length > 0 === test.wanted
        : values.some((value) => holdsOf(value, test, path.at(-1)?.vr));
    }
  }
}

/** One line of an explanation. It never holds a value of the object. */
export interface ExplainedCondition {
  readonly depth: number;
  readonly text: string;
  readonly holds: boolean;
}

/** Every part of a condition and whether it holds, the whole before its parts. */
export function explain(
  condition: Condition,
  read: ReadAttribute,
  depth = 0,
): readonly ExplainedCondition[] {
  const line = { depth, text: describe(condition, read), holds: holds(condition, read) };
  switch (condition.kind) {
    case 'all':
    case 'any':
      return [line, ...condition.of.flatMap((part) => explain(part, read, depth + 1))];
    case 'not':
      return [line, ...explain(condition.of, read, depth + 1)];
    case 'attribute':
      return [line];
  }
}

type Operators = Partial<Record<'equals', Scalar>> & {
  readonly in?: readonly Scalar[] | undefined;
  readonly matches?: string | readonly string[] | undefined;
  readonly exists?: boolean | undefined;
} & { readonly [K in Comparison]?: number | undefined };

function testsOf(operators: {
  readonly [K in keyof Operators]?: Operators[K] | undefined;
}): Test[] {
  const { equals, matches, exists } = operators;
  const tests: Test[] = [];
  if (equals !== undefined) {
    tests.push({ operator: 'in', values: [equals] });
  }
  if (operators.in !== undefined) {
    tests.push({ operator: 'in', values: operators.in });
  }
  if (matches !== undefined) {
    tests.push({
      operator: 'matches',
      patterns: typeof matches === 'string' ? [matches] : matches,
    });
  }
  if (exists !== undefined) {
    tests.push({ operator: 'exists', wanted: exists });
  }
  for (const operator of COMPARISONS) {
    const bound = operators[operator];
    if (bound !== undefined) {
      tests.push({ operator, bound });
    }
  }
  return tests;
}

/** The way to an attribute, or what is wrong with its name. */
function attributePath(attribute: string, findAttribute: FindAttribute): AttributeStep[] | string {
  const path: AttributeStep[] = [];
  for (const name of attribute.split('.')) {
    const before = path.at(-1);
    if (before?.vr !== undefined && before.vr !== 'SQ') {
      return `${name} cannot stand in an attribute that is no sequence`;
    }
    const step = findAttribute(name);
    if (step === undefined) {
      return `${name} is neither a DICOM keyword nor a tag such as (0018,0015) of the data set`;
    }
    path.push(step);
  }
  return path;
}

function holdsOf(
  value: string,
  test: Exclude<Test, { operator: 'exists' }>,
  vr: string | undefined,
): boolean {
  switch (test.operator) {
    case 'in':
      return test.values.some((wanted) =>
        typeof wanted === 'number'
          ? numberOf(value, vr) === wanted
          : normalised(value) === normalised(wanted),
      );
    case 'matches':
      return test.patterns.some((wanted) => matchesWildcard(normalised(value), normalised(wanted)));
    case 'below':
      return numberOf(value, vr) < test.bound;
    case 'atMost':
      return numberOf(value, vr) <= test.bound;
    case 'atLeast':
      return numberOf(value, vr) >= test.bound;
    case 'above':
      return numberOf(value, vr) > test.bound;
  }
}

/** Ages are in years. NaN, of which no comparison holds, for what is not a number. */
function numberOf(value: string, vr: string | undefined): number {
  if (vr === 'AS') {
    return ageStringToYears(value) ?? NaN;
  }
  return value === '' ? NaN : Number(value);
}

/** Code strings are upper case by the standard and not in practice; accents come composed or not. */
function normalised(text: string): string {
  return text.normalize('NFC').trim().toUpperCase();
}

function describe(condition: Condition, read: ReadAttribute): string {
  if (condition.kind !== 'attribute') {
    return { all: 'all of', any: 'any of', not: 'not' }[condition.kind];
  }
  const { attribute, test, path } = condition;
  const absent = read(path).length === 0 && test.operator !== 'exists' ? ' (absent)' : '';
  switch (test.operator) {
    case 'in':
      return `${attribute} is ${test.values.join(' or ')}${absent}`;
    case 'matches':
      return `${attribute} matches ${test.patterns.join(' or ')}${absent}`;
    case 'exists':
      return `${attribute} ${test.wanted ? 'is there' : 'is absent'}`;
    case 'below':
      return `${attribute} < ${test.bound}${absent}`;
    case 'atMost':
      return `${attribute} <= ${test.bound}${absent}`;
    case 'atLeast':
      return `${attribute} >= ${test.bound}${absent}`;
    case 'above':
      return `${attribute} > ${test.bound}${absent}`;
  }
}

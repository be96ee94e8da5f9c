import { z } from 'zod';

import type { GateResult } from '../gating/gate.js';
import { PRIORITIES, type Priority } from '../triage/priority.js';
import { conditionSchema, explain, holds } from './condition.js';
import type { Condition, ExplainedCondition, FindAttribute, ReadAttribute } from './condition.js';

export const SITE_RULE_ACTIONS = ['refuse', 'warn', 'allow', 'priority', 'site'] as const;

/**
 * Gates that judge by what somebody typed, whose refusal a site may set aside. Raw detector data and what
 * the pixels themselves say is not among them.
 */
export const ALLOWABLE_GATES = ['sop-class', 'body-part', 'view', 'age'] as const;
export type AllowableGate = (typeof ALLOWABLE_GATES)[number];

export interface SiteRule {
  readonly name: string;
  readonly when: Condition;
  readonly action: (typeof SITE_RULE_ACTIONS)[number];
  /** The site's own sentence, shown with the result. */
  readonly because: string;
  /** Whose refusals `allow` sets aside; empty for other actions. */
  readonly gates: readonly AllowableGate[];
  /** What `priority` asks for; absent for other actions. */
  readonly priority?: Priority | undefined;
  /** What `site` names the place that the image comes from; absent for other actions. */
  readonly site?: string | undefined;
}

export type SiteRules = readonly SiteRule[];

const GATE = 'site-rules';
const MAX_RULES = 500;

/** Of rules and of sites: they stand in logs and configurations. */
const nameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens');

/** The one field that each of these actions needs and no other action has. */
const FIELDS = { allow: 'gates', priority: 'priority', site: 'site' } as const;

const MISSING: Readonly<Record<keyof typeof FIELDS, string>> = {
  allow: `allow needs gates, those that it sets aside: ${ALLOWABLE_GATES.join(', ')}`,
  priority: `action priority needs the field priority: ${PRIORITIES.join(', ')}`,
  site: 'action site needs the field site: the name of the place',
};

export function siteRulesSchema(findAttribute: FindAttribute) {
  const rule = z
    .strictObject({
      name: nameSchema,
      when: conditionSchema(findAttribute),
      action: z.enum(SITE_RULE_ACTIONS),
      because: z.string().trim().min(1).max(300),
      gates: z.array(z.enum(ALLOWABLE_GATES)).min(1).optional(),
      priority: z.enum(PRIORITIES).optional(),
      site: nameSchema.optional(),
    })
    .superRefine((raw, context) => {
      for (const action of ['allow', 'priority', 'site'] as const) {
        const field = FIELDS[action];
        const isThere = raw[field] !== undefined;
        if (raw.action === action && !isThere) {
          context.addIssue({ code: 'custom', path: [], message: MISSING[action] });
        } else if (raw.action !== action && isThere) {
          const belongs = action === field ? `the action ${action}` : action;
          const message = `belongs to ${belongs}, not to ${raw.action}`;
          context.addIssue({ code: 'custom', path: [field], message });
        }
      }
    })
    .transform((raw): SiteRule => ({ ...raw, gates: raw.gates ?? [] }));
  return z
    .strictObject({ rules: z.array(rule).max(MAX_RULES) })
    .superRefine(({ rules }, context) => {
      rules.forEach(({ name }, index) => {
        if (rules.findIndex((other) => other.name === name) !== index) {
          context.addIssue({
            code: 'custom',
            path: ['rules', index, 'name'],
            message: `${name} is the name of another rule`,
          });
        }
      });
    })
    .transform(({ rules }): SiteRules => rules);
}

export interface SiteRuleResults {
  /** None when the site has no rules. */
  readonly gates: readonly GateResult[];
  /** Gates whose refusal is set aside, and the rule's name and sentence. */
  readonly allowed: ReadonlyMap<string, string>;
}

/**
 * Rules in the site's order up to the first that matches and refuses or allows; those that warn are all
 * heard on the way there. A picture without a header has no attributes. Rules on the priority and the site are
 * no gates: `priorityBySiteRules` reads the former when an object arrives, `siteBySiteRules` the latter.
 */
export function runSiteRules(rules: SiteRules, read: ReadAttribute): SiteRuleResults {
  const gates: GateResult[] = [];
  const allowed = new Map<string, string>();
  const judging = rules.filter(({ action }) => aboutOf(action) === 'gate');
  for (const rule of judging) {
    if (!holds(rule.when, read)) {
      continue;
    }
    if (rule.action === 'allow') {
      rule.gates.forEach((gate) => allowed.set(gate, said(rule)));
      break;
    }
    const detail = said(rule);
    if (rule.action === 'refuse') {
      gates.push({ gate: GATE, verdict: 'refuse', reason: 'site-rule', detail });
      break;
    }
    gates.push({ gate: GATE, verdict: 'warn', detail });
  }
  return {
    gates: gates.length === 0 && judging.length > 0 ? [{ gate: GATE, verdict: 'pass' }] : gates,
    allowed,
  };
}

/** The first rule on the priority that matches, wherever it stands among the others. */
export function priorityBySiteRules(
  rules: SiteRules,
  read: ReadAttribute,
): { readonly name: string; readonly priority: Priority } | undefined {
  for (const { name, priority, when } of rules) {
    if (priority !== undefined && holds(when, read)) {
      return { name, priority };
    }
  }
  return undefined;
}

/** Where the image comes from, by the first rule on that which matches; undefined when none does. */
export function siteBySiteRules(rules: SiteRules, read: ReadAttribute): string | undefined {
  return rules.find(({ site, when }) => site !== undefined && holds(when, read))?.site;
}

/** Rules decide among those that are about the same. */
function aboutOf(action: SiteRule['action']): 'gate' | 'priority' | 'site' {
  return action === 'priority' || action === 'site' ? action : 'gate';
}

/** What one rule made of an object, and why. */
export interface ExplainedRule extends Pick<
  SiteRule,
  'name' | 'action' | 'because' | 'priority' | 'site'
> {
  /** `not-reached`: an earlier rule about the same has decided. */
  readonly outcome: 'matched' | 'not-matched' | 'not-reached';
  readonly why: readonly ExplainedCondition[];
}

export function explainSiteRules(rules: SiteRules, read: ReadAttribute): ExplainedRule[] {
  const decided = { gate: false, priority: false, site: false };
  return rules.map(({ name, action, because, priority, site, when }) => {
    const about = aboutOf(action);
    const matched = holds(when, read);
    const outcome = decided[about] ? 'not-reached' : matched ? 'matched' : 'not-matched';
    decided[about] ||= matched && action !== 'warn';
    const given = { ...(priority && { priority }), ...(site && { site }) };
    return { name, action, because, ...given, outcome, why: explain(when, read) };
  });
}

function said({ name, because }: SiteRule): string {
  return `${because} (rule ${name})`;
}

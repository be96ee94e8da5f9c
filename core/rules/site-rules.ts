import { z } from 'zod';

import type { GateResult } from '../gating/gate.js';
import { PRIORITIES, type Priority } from '../triage/priority.js';
import { conditionSchema, explain, holds } from './condition.js';
import type { Condition, ExplainedCondition, FindAttribute, ReadAttribute } from './condition.js';

export const SITE_RULE_ACTIONS = ['refuse', 'warn', 'allow', 'priority'] as const;

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
}

export type SiteRules = readonly SiteRule[];

const GATE = 'site-rules';
const MAX_RULES = 500;

export function siteRulesSchema(findAttribute: FindAttribute) {
  const rule = z
    .strictObject({
      name: z
        .string()
        .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens'),
      when: conditionSchema(findAttribute),
      action: z.enum(SITE_RULE_ACTIONS),
      because: z.string().trim().min(1).max(300),
      gates: z.array(z.enum(ALLOWABLE_GATES)).min(1).optional(),
      priority: z.enum(PRIORITIES).optional(),
    })
    .superRefine(({ action, gates, priority }, context) => {
      if ((action === 'allow') !== (gates !== undefined)) {
        context.addIssue({
          code: 'custom',
          path: action === 'allow' ? [] : ['gates'],
          message:
            action === 'allow'
              ? `allow needs gates, those that it sets aside: ${ALLOWABLE_GATES.join(', ')}`
              : `belongs to allow, not to ${action}`,
        });
      }
      if ((action === 'priority') !== (priority !== undefined)) {
        context.addIssue({
          code: 'custom',
          path: action === 'priority' ? [] : ['priority'],
          message:
            action === 'priority'
              ? `action priority needs the field priority: ${PRIORITIES.join(', ')}`
              : `belongs to the action priority, not to ${action}`,
        });
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
 * heard on the way there. A picture without a header has no attributes. Rules on the priority are no gates:
 * `priorityBySiteRules` reads them when an object arrives.
 */
export function runSiteRules(rules: SiteRules, read: ReadAttribute): SiteRuleResults {
  const gates: GateResult[] = [];
  const allowed = new Map<string, string>();
  const judging = rules.filter(({ action }) => action !== 'priority');
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

/** What one rule made of an object, and why. */
export interface ExplainedRule extends Pick<SiteRule, 'name' | 'action' | 'because' | 'priority'> {
  /** `not-reached`: an earlier rule has decided. Rules on the priority decide among themselves alone. */
  readonly outcome: 'matched' | 'not-matched' | 'not-reached';
  readonly why: readonly ExplainedCondition[];
}

export function explainSiteRules(rules: SiteRules, read: ReadAttribute): ExplainedRule[] {
  const decided = { gate: false, priority: false };
  return rules.map(({ name, action, because, priority, when }) => {
    const about = action === 'priority' ? 'priority' : 'gate';
    const matched = holds(when, read);
    const outcome = decided[about] ? 'not-reached' : matched ? 'matched' : 'not-matched';
    decided[about] ||= matched && action !== 'warn';
    const why = explain(when, read);
    return { name, action, because, ...(priority && { priority }), outcome, why };
  });
}

function said({ name, because }: SiteRule): string {
  return `${because} (rule ${name})`;
}

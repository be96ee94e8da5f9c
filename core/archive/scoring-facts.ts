import { createHash } from 'node:crypto';

import { z } from 'zod';

import { canonicalJson } from '../canonical-json.js';
import { gatePolicySchema, type GatePolicy } from '../gating/gate-policy.js';
import { DECODE_MODES, type DecodeMode } from '../imaging/decode-mode.js';
import { modelManifestSchema } from '../inference/model-manifest.js';
import type { SiteManifest } from '../inference/model-overlay.js';
import { modelProvenanceSchema, type ModelProvenance } from '../results/outcome.js';
import type { SiteRules } from '../rules/site-rules.js';

/** Everything that a score depends on beside the image: equal facts give equal rows on every machine. */
export interface ScoringFacts {
  readonly softwareVersion: string;
  readonly model: ModelProvenance;
  readonly manifest: SiteManifest;
  readonly decode: DecodeMode;
  readonly gatePolicy: GatePolicy;
  /** SHA-256 of the site's rules; absent when there are none. */
  readonly siteRules?: string | undefined;
}

const overlaySchema = z.object({ name: z.string(), version: z.string(), sha256: z.string() });

export const scoringFactsSchema: z.ZodType<ScoringFacts> = z.object({
  softwareVersion: z.string(),
  model: modelProvenanceSchema,
  manifest: modelManifestSchema.safeExtend({ overlay: overlaySchema.optional() }),
  decode: z.enum(DECODE_MODES),
  gatePolicy: gatePolicySchema,
  siteRules: z.string().optional(),
});

/** Names the facts: workers take the files of runs that want the same. */
export function fingerprintOf(facts: ScoringFacts): string {
  return sha256(canonicalJson(facts));
}

/** The rules as parsed, so that comments and layout of their file do not count. */
export function siteRulesSha256(siteRules: SiteRules): string | undefined {
  return siteRules.length === 0 ? undefined : sha256(canonicalJson(siteRules));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

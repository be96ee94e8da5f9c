import { z } from 'zod';

/** The parts of a Store Instances Response that matter. Source: PS3.18 table 10.5.3-2. */
const itemSchema = z.looseObject({
  '00081155': z.looseObject({ Value: z.array(z.string()).optional() }).optional(),
  '00081197': z.looseObject({ Value: z.array(z.number()).optional() }).optional(),
});
const sequenceSchema = z.looseObject({ Value: z.array(itemSchema).optional() }).optional();
const answerSchema = z.looseObject({ '00081198': sequenceSchema, '00081199': sequenceSchema });

export interface StowAnswer {
  /** SOP Instance UIDs in Referenced SOP Sequence. */
  readonly stored: readonly string[];
  /** SOP Instance UID to Failure Reason. */
  readonly failed: ReadonlyMap<string, number>;
}

/** Undefined for what is no such dataset: some archives answer with XML or nothing. */
export function readStowAnswer(text: string): StowAnswer | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = answerSchema.safeParse(Array.isArray(json) ? json[0] : json);
  if (!parsed.success) {
    return undefined;
  }
  const uidOf = (item: z.infer<typeof itemSchema>): string => item['00081155']?.Value?.[0] ?? '';
  return {
    stored: (parsed.data['00081199']?.Value ?? []).map(uidOf),
    failed: new Map(
      (parsed.data['00081198']?.Value ?? []).map((item) => [
        uidOf(item),
        item['00081197']?.Value?.[0] ?? 0x0110,
      ]),
    ),
  };
}

/**
 * Whether another attempt may help: out of resources (A7xx) and processing failure (0110). Source: PS3.4
 * B.2.3.
 */
export function isTransientFailure(reason: number): boolean {
  return (reason & 0xff00) === 0xa700 || reason === 0x0110;
}

import { expect, it } from 'vitest';
import { z } from 'zod';

import { describeIssues } from './describe-issues.js';

it('a refused request is told what is wrong, and never what it sent', () => {
  const schema = z.strictObject({ limit: z.coerce.number().int(), state: z.enum(['ready']) });
  const sent = { limit: 'MRN-1', state: 'MRN-2', 'MRN-3': 'MRN-4' };
  const parsed = schema.safeParse(sent);
  const text = parsed.success ? '' : describeIssues(parsed.error);
  expect(text).toMatch(/limit/);
  expect(text).toMatch(/"ready"/);
  expect(text).toMatch(/does not have/);
  expect(text).not.toMatch(/MRN/);
});

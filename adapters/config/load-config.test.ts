import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { intVariable, loadConfig } from './load-config.js';

const schema = z.object({
  PREREAD_PORT: intVariable({ min: 0, max: 65_535 }).default(8142),
  REDIS_URL: z.url().optional(),
});

describe('loadConfig', () => {
  it('takes an empty variable for an absent one', () => {
    expect(loadConfig(schema, { PREREAD_PORT: '', REDIS_URL: undefined })).toEqual({
      PREREAD_PORT: 8142,
    });
  });

  it('reports every problem at once, by the name of the variable', () => {
    const load = () => loadConfig(schema, { PREREAD_PORT: 'many', REDIS_URL: 'not a url' });
    expect(load).toThrow(/PREREAD_PORT/);
    expect(load).toThrow(/REDIS_URL/);
  });

  it('returns a frozen object', () => {
    expect(Object.isFrozen(loadConfig(schema, {}))).toBe(true);
  });
});

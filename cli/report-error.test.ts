import { expect, test } from 'vitest';
import { z } from 'zod';

import { PipelineError } from '../core/errors.js';
import { describeError, describeOther } from './report-error.js';

test('a cause is told once, and only in words', () => {
  const described = (message: string, cause: unknown) =>
    describeError(new PipelineError('config-invalid', message, { cause }));
  expect(described('It failed.', new Error('ENOENT'))).toBe(
    'preread: config-invalid: It failed.\n  because: ENOENT',
  );
  expect(described('It failed: ENOENT.', new Error('ENOENT'))).toBe(
    'preread: config-invalid: It failed: ENOENT.',
  );
  const nobody = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
  expect(described('It failed.', new Error('fetch failed', { cause: nobody }))).toBe(
    'preread: config-invalid: It failed.\n  because: fetch failed\n  because: ECONNREFUSED',
  );
  const { error } = z.number().safeParse('one');
  expect(described('size: expected number', error)).toBe(
    'preread: config-invalid: size: expected number',
  );
});

test('a full disk is called so, other refusals of the system are told without a stack', () => {
  const refusal = (code: string) =>
    Object.assign(new Error(`${code}: so it is, write`), { code, errno: -1, syscall: 'write' });
  expect(describeOther(refusal('ENOSPC'))).toBe(
    'preread: storage-full: There is no room left on the disk: free some and start again.\n  because: ENOSPC: so it is, write',
  );
  expect(describeOther(refusal('EACCES'))).toBe('preread: EACCES: so it is, write');
  const fault = new Error('a fault of ours');
  expect(describeOther(fault)).toBe(fault);
});

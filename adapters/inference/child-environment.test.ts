import { expect, test } from 'vitest';

import { childEnvironment } from './child-environment.js';

test('a child learns where libraries and GPUs are, how little memory it needs, and no secret', () => {
  const environment = {
    PATH: '/usr/bin',
    LD_LIBRARY_PATH: '/usr/local/cuda/lib64',
    CUDA_VISIBLE_DEVICES: '0',
    DATABASE_URL: 'postgres://user:password@host/db',
    REDIS_URL: 'redis://host',
    PREREAD_WEBHOOK_SECRET: 'whsec_1',
    NODE_OPTIONS: '--inspect',
  };
  expect(Object.keys(childEnvironment(environment))).toEqual([
    'PATH',
    'LD_LIBRARY_PATH',
    'CUDA_VISIBLE_DEVICES',
    'MALLOC_ARENA_MAX',
    'UV_THREADPOOL_SIZE',
  ]);
});

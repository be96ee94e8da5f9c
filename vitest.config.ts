import { defineConfig } from 'vitest/config';

const timeouts = { testTimeout: 120_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{core,adapters,services,workers,cli,scripts}/**/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      { test: { name: 'conformance', include: ['test/conformance/**/*.test.ts'], ...timeouts } },
      { test: { name: 'fuzz', include: ['test/fuzz/**/*.test.ts'], ...timeouts } },
      { test: { name: 'integration', include: ['test/integration/**/*.test.ts'], ...timeouts } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          fileParallelism: false,
          // Whole pipelines, started and killed many times over.
          testTimeout: 600_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});

import { describe, expect, it } from 'vitest';

import { runPreread } from '../support/preread-process.js';

describe('preread demo', () => {
  it('delivers every study and says so by its exit code', async () => {
    const { exitCode, output } = await runPreread(['demo', '--studies', '3']);
    expect(output).toMatch(/3 of 3 studies delivered/);
    expect(output.match(/webhook verified/g)).toHaveLength(3);
    expect(output).toMatch(/image scored: .*\d\.\d\d/);
    expect(exitCode, output).toBe(0);
  });

  it('ends with another exit code when nothing can be delivered', async () => {
    const { exitCode, output } = await runPreread(['demo', '--studies', '1'], {
      PREREAD_MODEL: 'no-such-model',
    });
    expect(output).toMatch(/model-not-found.*no-such-model/);
    expect(exitCode).toBe(2);
  });

  it('explains a wrong flag', async () => {
    const { exitCode, output } = await runPreread(['demo', '--studies', 'many']);
    expect(output).toMatch(/whole number/);
    expect(exitCode).toBe(2);
  });
});

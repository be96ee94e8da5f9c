import { execFileSync } from 'node:child_process';

import { expect, it } from 'vitest';

import { describeWithPeer } from '../support/peers.js';

describeWithPeer('clang', 'the committed kernel', () => {
  it('is, byte for byte, what its sources give', () => {
    expect(() =>
      execFileSync('npx', ['tsx', 'scripts/build-kernel.ts', '--check'], { stdio: 'pipe' }),
    ).not.toThrow();
  });
});

import { describe, expect, it } from 'vitest';

import { runChaos } from '../chaos/run-chaos.js';
import { describeWithPeer } from '../support/peers.js';

/** The short form of `npm run test:chaos`; docs/operations/durability.md has the long one. */
describe('a pipeline under load that is broken again and again', () => {
  it('keeps its promises on the embedded default', async () => {
    const report = await runChaos({ backend: 'embedded', seed: 'ci', kills: 6 });
    expect(report.verdict.violations).toEqual([]);
    expect([...report.load.stored.keys()].sort()).toEqual(['C-STORE', 'STOW-RS']);
  });

  describeWithPeer('postgres', 'with PostgreSQL', () => {
    describeWithPeer('redis', 'and Redis', () => {
      it('keeps its promises with roles in processes of their own', async () => {
        const report = await runChaos({ backend: 'redis', seed: 'ci', kills: 8 });
        expect(report.verdict.violations).toEqual([]);
        expect([...report.load.stored.keys()].sort()).toEqual(['C-STORE', 'STOW-RS']);
      });
    });
  });
});

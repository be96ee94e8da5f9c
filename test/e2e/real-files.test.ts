import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';
import { z } from 'zod';

import type { InstanceResult } from '../../core/results/study-result.js';
import {
  chestDicomFiles,
  describeWithData,
  withoutSharedUids,
  wrappedNihImages,
  type NamedFile,
} from '../support/chest-data.js';
import { eventually } from '../support/eventually.js';
import { runPreread, startServe } from '../support/preread-process.js';
import { stow } from '../support/stow.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';

const rowSchema = z.looseObject({
  SOPInstanceUID: z.string(),
  outcome: z.enum(['scored', 'not-analysed']),
  reason: z.string().nullish(),
  findings: z.array(z.looseObject({ key: z.string(), probability: z.number() })).nullish(),
});

describeWithData('real chest radiographs', () => {
  it('get the same outcome and the same numbers through STOW-RS and through score', async () => {
    const files = [...chestDicomFiles(), ...(await wrappedNihImages(5))];
    let scored = 0;
    for (const batch of withoutSharedUids(files)) {
      scored += await compareBothWays(batch);
    }
    expect(scored).toBe(files.length);
  });
});

/** Returns how many were scored. */
async function compareBothWays(files: readonly NamedFile[]): Promise<number> {
  const served = await throughServe(files);
  const rows = await throughScore(files);
  expect(rows.size).toBe(files.length);
  for (const [SOPInstanceUID, row] of rows) {
    const { outcome } = served.get(SOPInstanceUID)!;
    expect(outcome.kind).toBe(row.outcome);
    if (outcome.kind === 'not-analysed') {
      expect(outcome.reason).toBe(row.reason);
      continue;
    }
    const scores = new Map(row.findings?.map(({ key, probability }) => [key, probability]));
    expect(outcome.findings.length).toBeGreaterThan(0);
    for (const { key, probability } of outcome.findings) {
      expect(scores.get(key), key).toBe(probability);
    }
  }
  return [...rows.values()].filter(({ outcome }) => outcome === 'scored').length;
}

async function throughServe(files: readonly NamedFile[]): Promise<Map<string, InstanceResult>> {
  const receiver = await startWebhookReceiver();
  const serve = await startServe({
    PREREAD_DATA_DIR: temporaryFolder(),
    PREREAD_WEBHOOK_URL: receiver.url,
    PREREAD_WEBHOOK_SECRET: receiver.secret,
    PREREAD_WEBHOOK_BODY: 'full',
    PREREAD_MIN_FREE_BYTES: '0',
  });
  try {
    for (const { bytes } of files) {
      expect(await stow(serve.url, [bytes])).toMatchObject({ status: 200 });
    }
    return await eventually(
      () => {
        const latest = new Map<string, InstanceResult>();
        for (const { message } of receiver.received) {
          for (const instance of message.data.instances) {
            latest.set(instance.SOPInstanceUID, instance);
          }
        }
        expect(latest.size).toBe(files.length);
        return latest;
      },
      { timeoutMs: 60_000 },
    );
  } finally {
    expect(await serve.stop()).toBe(0);
    await receiver.close();
  }
}

async function throughScore(files: readonly NamedFile[]) {
  const folder = temporaryFolder();
  for (const { name, bytes } of files) {
    writeFileSync(join(folder, name), bytes);
  }
  const out = join(temporaryFolder(), 'scores.jsonl');
  const { exitCode, output } = await runPreread(['score', folder, '--out', out]);
  expect(exitCode, output).toBe(0);
  const rows = readFileSync(out, 'utf8').trim().split('\n');
  return new Map(
    rows.map((line) => {
      const row = rowSchema.parse(JSON.parse(line));
      return [row.SOPInstanceUID, row] as const;
    }),
  );
}

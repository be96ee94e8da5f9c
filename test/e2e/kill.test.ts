import { describe, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';

import { demoStudies } from '../../scripts/phantom/demo-studies.js';
import { eventually } from '../support/eventually.js';
import { startServe } from '../support/preread-process.js';
import { stow } from '../support/stow.js';
import { readyResult } from '../support/study-api.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';

/** Milliseconds after the first acknowledgement at which the process is killed: through every step. */
const KILL_AFTER_MS = [0, 20, 60, 120, 200, 350] as const;

describe('an embedded pipeline that is killed', () => {
  it('has one outcome for every acknowledged instance and delivers every result once by its key', async () => {
    const receiver = await startWebhookReceiver();
    const env = {
      PREREAD_DATA_DIR: temporaryFolder(),
      PREREAD_WEBHOOK_URL: receiver.url,
      PREREAD_WEBHOOK_SECRET: receiver.secret,
      PREREAD_WEBHOOK_BODY: 'full',
      PREREAD_MIN_FREE_BYTES: '0',
    };
    const acknowledged = new Map<string, number>();
    let round = 0;
    for (const killAfterMs of KILL_AFTER_MS) {
      const serve = await startServe(env);
      const sending = [];
      for await (const study of demoStudies({
        seed: `kill-${round}`,
        count: 3,
        Rows: 256,
        Columns: 256,
      })) {
        const files = study.instances.map(({ bytes }) => bytes);
        sending.push(
          stow(serve.url, files).then(({ status }) => {
            if (status === 200) {
              acknowledged.set(study.StudyInstanceUID, files.length);
            }
          }),
        );
      }
      await Promise.race(sending);
      await sleep(killAfterMs);
      await serve.kill();
      await Promise.all(sending);
      round += 1;
    }
    expect(acknowledged.size).toBeGreaterThanOrEqual(KILL_AFTER_MS.length);

    const serve = await startServe(env);
    try {
      await eventually(
        async () => {
          for (const [StudyInstanceUID, instances] of acknowledged) {
            const result = await readyResult(serve.url, StudyInstanceUID);
            expect(result?.instances).toHaveLength(instances);
            expect(
              receiver.received.some(
                ({ message }) =>
                  message.data.StudyInstanceUID === StudyInstanceUID &&
                  message.data.resultVersion === result?.resultVersion,
              ),
            ).toBe(true);
          }
        },
        { timeoutMs: 90_000, intervalMs: 250 },
      );
      const versions = new Map<string, string>();
      for (const { id, message } of receiver.received) {
        const what = `${message.data.StudyInstanceUID} ${message.data.resultVersion}`;
        expect(versions.get(what) ?? id).toBe(id);
        versions.set(what, id);
      }
    } finally {
      await serve.stop();
      await receiver.close();
    }
  });
});

import { describe, expect, it } from 'vitest';

import { demoStudies } from '../../scripts/phantom/demo-studies.js';
import { statusSchema } from '../../services/ingest-http/routes/operations-schemas.js';
import { eventually } from '../support/eventually.js';
import { runPreread, startServe } from '../support/preread-process.js';
import { stow } from '../support/stow.js';
import { fetchStudy, readyResult } from '../support/study-api.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('an operator', () => {
  it('sees what waits, replays what was given up, has a study done again, and follows one trace', async () => {
    let answer = 410;
    const receiver = await startWebhookReceiver({ answer: () => answer });
    const env = {
      PREREAD_DATA_DIR: temporaryFolder(),
      PREREAD_WEBHOOK_URL: receiver.url,
      PREREAD_WEBHOOK_SECRET: receiver.secret,
      PREREAD_WEBHOOK_BODY: 'full',
      PREREAD_MIN_FREE_BYTES: '0',
      PREREAD_INFERENCE_PROCESSES: '1',
      PREREAD_LOG_LEVEL: 'info',
      PREREAD_LOG_FORMAT: 'json',
    };
    const serve = await startServe(env);
    const preread = (...args: string[]) => runPreread([...args, '--server', serve.url]);
    try {
      const [study] = await allOf(demoStudies({ seed: 'ops', count: 1, Rows: 256, Columns: 256 }));
      const { StudyInstanceUID, instances } = study!;
      const sent = await stow(
        serve.url,
        instances.map(({ bytes }) => bytes),
        { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` },
      );
      expect(sent.status).toBe(200);

      const given = await eventually(async () => {
        const found = await fetchStudy(serve.url, StudyInstanceUID);
        expect(found?.deliveries.map(({ state }) => state)).toEqual(['dead']);
        return found!.deliveries[0]!;
      });
      const waiting = await preread('status');
      expect(waiting.exitCode).toBe(3);
      expect(waiting.output).toMatch(/deliveries given up +1/);
      const listed = await preread('dead-letters', 'list', '--kind', 'delivery');
      expect(listed.output).toContain(given.id);
      expect((await preread('dead-letters', 'show', given.id)).output).toContain('delivery-gone');

      // A destination that says that it is gone is left alone until somebody sends to it again.
      expect(waiting.output).toContain('preread destinations open webhook');
      const where = await preread('destinations', 'list');
      expect(where.output).toMatch(/webhook +webhook +http:\/\/127\.0\.0\.1:\d+ .*closed 20/);
      answer = 204;
      const dead = await preread(
        'deliveries',
        'list',
        '--state',
        'dead',
        '--destination',
        'webhook',
      );
      expect(dead.output).toContain(given.id);
      const replay = await preread('deliveries', 'replay', '--all', '--reason', 'it is back');
      expect(replay).toMatchObject({ exitCode: 0, output: '1 replayed\n' });
      await receiver.until(() => receiver.received.length === 1, 'the replayed result');
      expect(receiver.received[0]!.id).toBe(`msg_${given.id.replaceAll('-', '')}`);
      expect(receiver.received[0]!.traceparent).toContain(TRACE);
      await eventually(async () => {
        expect((await preread('status')).exitCode).toBe(0);
      });

      const again = await preread('reprocess', StudyInstanceUID, '--reason', 'a second look');
      expect(again).toMatchObject({
        exitCode: 0,
        output: `${instances.length} images queued again\n`,
      });
      await receiver.until(() => receiver.received.length === 2, 'the second version');
      const result = await readyResult(serve.url, StudyInstanceUID);
      expect(result).toMatchObject({
        resultVersion: 2,
        amends: 1,
        revision: { cause: 'reprocessing', reason: 'a second look', requestedBy: 'local' },
      });
      const unknown = await preread('reprocess', '1.2.3', '--reason', 'no such study');
      expect(unknown.exitCode).toBe(1);
      expect(unknown.output).toMatch(/not-found/);

      const once = await preread('deliveries', 'show', given.id);
      expect(JSON.parse(once.output)).toMatchObject({ state: 'delivered', StudyInstanceUID });
      expect((await preread('deliveries', 'replay', given.id)).output).toMatch(/newer version/);
      expect((await preread('destinations', 'open', 'webhook')).exitCode).toBe(1);

      const lines = serve
        .output()
        .split('\n')
        .filter((line) => line.includes(TRACE));
      for (const sentence of ['instance stored', 'instance finished', 'study result assembled']) {
        expect(lines.some((line) => line.includes(sentence))).toBe(true);
      }
      expect(lines.some((line) => line.includes('result delivered'))).toBe(true);

      const status = await (await fetch(`${serve.url}/api/v1/status`)).json();
      expect(statusSchema.parse(status).deliveries.pending.count).toBe(0);
      const metrics = await (await fetch(`${serve.url}/metrics`)).text();
      expect(metrics).toMatch(/preread_instances_finished_total\{outcome="scored"\} 2/);
      expect(metrics).toMatch(
        /preread_delivery_attempts_total\{destination="webhook",outcome="delivered"\} 2/,
      );
      expect(metrics).toMatch(/preread_model_info\{name="preread-cxr14"/);
      for (const { SOPInstanceUID } of instances) {
        expect(metrics).not.toContain(SOPInstanceUID);
      }

      // After an outage nobody has to wait for the next attempt, which is minutes away.
      answer = 503;
      await preread('reprocess', StudyInstanceUID, '--reason', 'while the receiver is away');
      await eventually(async () => {
        const { deliveries = [] } = (await fetchStudy(serve.url, StudyInstanceUID)) ?? {};
        expect(deliveries.at(-1)).toMatchObject({ state: 'pending', attempts: 2 });
      });
      answer = 204;
      const atOnce = await preread('deliveries', 'replay', '--all', '--waiting');
      expect(atOnce).toMatchObject({ exitCode: 0, output: '1 replayed\n' });
      await receiver.until(() => receiver.received.length === 3, 'the third version');
    } finally {
      await serve.stop();
      await receiver.close();
    }
  });
});

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) {
    all.push(item);
  }
  return all;
}

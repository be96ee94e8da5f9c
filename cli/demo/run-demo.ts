import type { WebhookMessage } from '../../core/delivery/webhook-message.js';
import type { StudyResult } from '../../core/results/study-result.js';
import type { DemoStudy } from '../../scripts/phantom/demo-studies.js';
import type { Pipeline } from '../serve/start-pipeline.js';
import { computedStudies } from './computed-studies.js';
import {
  indented,
  instanceLine,
  messageLine,
  sentLine,
  stamp,
  summary,
  type DemoRow,
} from './demo-report.js';
import { sendStudy, type SentStudy } from './send-study.js';
import { startDemoReceiver } from './webhook-receiver.js';

export interface DemoOptions {
  readonly studies: number;
  readonly seed: string;
  /** Longest wait for the last delivery after the last study was sent. */
  readonly deliveryTimeoutMs: number;
}

export interface DemoDeps {
  /** Starts the whole pipeline with these settings on top of the environment's. */
  readonly startPipeline: (overrides: Readonly<Record<string, string>>) => Promise<Pipeline>;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Demo {
  readonly allDelivered: boolean;
  readonly url: string;
  close(): Promise<void>;
}

interface Progress {
  readonly study: DemoStudy;
  readonly number: number;
  readonly sent: SentStudy;
  result?: StudyResult;
  deliveredAfterMs?: number;
}

/** The demonstration: real pipeline, real requests, generated chests. Resolves when all is delivered or late. */
export async function runDemo(deps: DemoDeps, options: DemoOptions): Promise<Demo> {
  const startedAt = performance.now();
  const say = (text: string): void => {
    deps.print(`${stamp(performance.now() - startedAt)} ${text}`);
  };
  const sentStudies = new Map<string, Progress>();
  /** Messages that came before the answer to the request, by study. */
  const early = new Map<string, WebhookMessage>();
  let wake = (): void => undefined;

  const receiver = await startDemoReceiver((message) => {
    const progress = sentStudies.get(message.data.StudyInstanceUID);
    if (progress) {
      received(progress, message);
    } else {
      early.set(message.data.StudyInstanceUID, message);
    }
  });
  say('starting: embedded database and queue, model, webhook receiver');
  const pipeline = await deps
    .startPipeline({
      PREREAD_WEBHOOK_URL: receiver.url,
      PREREAD_WEBHOOK_SECRET: receiver.secret,
      PREREAD_WEBHOOK_BODY: 'full',
    })
    .catch(async (error: unknown) => {
      await receiver.close();
      throw error;
    });
  const close = async (): Promise<void> => {
    await pipeline.close();
    await receiver.close();
  };
  try {
    const { model, url, inferenceProcesses } = pipeline;
    say(`ready at ${url}: model ${model}, ${inferenceProcesses} inference processes`);
    await sendAll(url);
    await allDelivered();
    report();
    const rows = [...sentStudies.values()];
    return {
      allDelivered: rows.every(({ deliveredAfterMs }) => deliveredAfterMs !== undefined),
      url,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }

  async function sendAll(url: string): Promise<void> {
    let number = 0;
    const { seed, studies: count } = options;
    const studies = computedStudies({ seed, count }, deps.signal);
    for await (const study of studies) {
      deps.signal.throwIfAborted();
      number += 1;
      const sent = await sendStudy(url, study);
      say(sentLine(number, study, sent));
      const progress: Progress = { study, number, sent };
      sentStudies.set(study.StudyInstanceUID, progress);
      const message = early.get(study.StudyInstanceUID);
      if (message) {
        received(progress, message);
      }
    }
  }

  function received(progress: Progress, message: WebhookMessage): void {
    progress.result = message.data;
    progress.deliveredAfterMs = Math.max(0, Date.now() - progress.sent.acknowledgedAtMs);
    say(`study ${progress.number} came back`);
    for (const instance of message.data.instances) {
      deps.print(indented(instanceLine(instance)));
    }
    deps.print(indented(messageLine(message, progress.deliveredAfterMs)));
    wake();
  }

  async function allDelivered(): Promise<void> {
    const deadline = performance.now() + options.deliveryTimeoutMs;
    const missing = (): boolean =>
      [...sentStudies.values()].some(({ deliveredAfterMs }) => deliveredAfterMs === undefined);
    while (missing() && performance.now() < deadline) {
      deps.signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(500, deadline - performance.now()));
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  function report(): void {
    const rows: DemoRow[] = [...sentStudies.values()].map(
      ({ study, result, deliveredAfterMs }) => ({
        study,
        result,
        deliveredAfterMs,
      }),
    );
    deps.print(`\n${summary(rows)}\n`);
    const delivered = rows.filter(({ deliveredAfterMs }) => deliveredAfterMs !== undefined).length;
    say(`${delivered} of ${rows.length} studies delivered.`);
    deps.print(
      'The chests are computed, not photographed: what the model says of them shows that the pipeline works,\n' +
        'and nothing about how well it reads a patient.',
    );
  }
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { packageRoot } from '../../adapters/process/package-info.js';
import { startDemoReceiver } from '../demo/webhook-receiver.js';

const START_LIMIT_MS = 60_000;

export interface PipelineSettings {
  /** Folder below which the pipeline's data are, for as long as it runs. */
  readonly folder: string;
  /** Name or folder. */
  readonly model: string;
  readonly precision: string;
  readonly provider: string;
  readonly processes: number;
  /** Address of a Redis that is to hold the queue; the embedded queue without it. */
  readonly redisUrl: string | undefined;
}

/** When a study's result was made and when its message was here. Units: epoch ms. */
export interface Arrival {
  readonly assembledAtMs: number;
  readonly receivedAtMs: number;
}

export interface BenchPipeline {
  /** Stores one image by STOW-RS; resolves with the time of the answer, epoch ms. */
  store(bytes: Buffer): Promise<number>;
  /** The message of a study, verified; waits for it. */
  arrival(StudyInstanceUID: string): Promise<Arrival>;
  close(): Promise<void>;
}

/** `preread serve` as a process of its own, with our receiver as its destination. */
export async function startBenchPipeline(settings: PipelineSettings): Promise<BenchPipeline> {
  const arrivals = new Map<string, Arrival>();
  const waiting = new Map<string, (arrival: Arrival) => void>();
  const receiver = await startDemoReceiver(({ data }) => {
    const arrival = { assembledAtMs: Date.parse(data.assembledAt), receivedAtMs: Date.now() };
    arrivals.set(data.StudyInstanceUID, arrival);
    waiting.get(data.StudyInstanceUID)?.(arrival);
  });
  const dataDir = await mkdtemp(join(settings.folder, 'pipeline-'));
  const child = spawn(process.execPath, [join(packageRoot, 'bin/preread.js'), 'serve'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      PREREAD_DATA_DIR: dataDir,
      PREREAD_PORT: '0',
      PREREAD_LOG_LEVEL: 'error',
      PREREAD_MODEL: settings.model,
      PREREAD_PROVIDER: settings.provider,
      PREREAD_PRECISION: settings.precision,
      PREREAD_INFERENCE_PROCESSES: String(settings.processes),
      PREREAD_WEBHOOK_URL: receiver.url,
      PREREAD_WEBHOOK_SECRET: receiver.secret,
      PREREAD_WEBHOOK_BODY: 'full',
      ...(settings.redisUrl !== undefined && { REDIS_URL: settings.redisUrl }),
    },
  });
  const ended = once(child, 'exit');

  async function close(): Promise<void> {
    child.kill('SIGTERM');
    await ended;
    await receiver.close();
    await rm(dataDir, { recursive: true, force: true });
  }

  let url: string;
  try {
    url = await readyAddress(child.stdout);
  } catch (error) {
    await close();
    throw error;
  }

  return {
    async store(bytes) {
      const response = await fetch(`${url}/dicom-web/studies`, {
        method: 'POST',
        headers: { 'content-type': 'application/dicom', accept: 'application/dicom+json' },
        body: bytes,
      });
      await response.arrayBuffer();
      if (response.status !== 200) {
        throw new Error(`the pipeline answered ${response.status}`);
      }
      return Date.now();
    },
    arrival: (StudyInstanceUID) =>
      new Promise((resolve) => {
        const there = arrivals.get(StudyInstanceUID);
        if (there === undefined) {
          waiting.set(StudyInstanceUID, resolve);
        } else {
          resolve(there);
        }
      }),
    close,
  };
}

/** What `preread serve` says when it is ready. */
async function readyAddress(stdout: NodeJS.ReadableStream): Promise<string> {
  const lines = createInterface({ input: stdout });
  const timer = setTimeout(() => {
    lines.close();
  }, START_LIMIT_MS);
  try {
    for await (const line of lines) {
      const address = /ready at (http:\S+)/.exec(line)?.[1];
      if (address !== undefined) {
        return address;
      }
    }
  } finally {
    clearTimeout(timer);
    stdout.resume();
  }
  throw new Error('the pipeline did not start');
}

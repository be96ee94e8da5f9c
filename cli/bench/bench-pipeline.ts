import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { packageRoot } from '../../adapters/process/package-info.js';
import { startBenchReceiver } from './bench-receiver.js';
import { createStowClient } from './stow-client.js';

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

export interface BenchPipeline {
  /** Of `preread serve`. */
  readonly pid: number;
  /** Stores images in one request of STOW-RS. */
  store(files: readonly Buffer[]): Promise<void>;
  /** When the message of a study was here, epoch ms; waits for it. */
  arrival(StudyInstanceUID: string): Promise<number>;
  /** The page of its metrics. */
  metrics(): Promise<string>;
  close(): Promise<void>;
}

/** `preread serve` as a process of its own, with our receiver as its destination. */
export async function startBenchPipeline(settings: PipelineSettings): Promise<BenchPipeline> {
  const receiver = await startBenchReceiver();
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
      PREREAD_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
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

  const client = createStowClient(url);
  return {
    pid: child.pid ?? 0,
    store: (files) => client.store(files),
    arrival: (StudyInstanceUID) => receiver.arrival(StudyInstanceUID),
    async metrics() {
      const response = await fetch(`${url}/metrics`);
      return response.text();
    },
    async close() {
      client.close();
      await close();
    },
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

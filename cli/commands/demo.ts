import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Command } from 'commander';

import { loadConfig } from '../../adapters/config/load-config.js';
import { createLogger } from '../../adapters/observability/logger.js';
import { runDemo, type Demo } from '../demo/run-demo.js';
import { EXIT } from '../exit-codes.js';
import { serveConfig } from '../serve/config.js';
import { configureDestinations } from '../serve/destinations.js';
import { ROLES } from '../serve/roles.js';
import { startPipeline, type Pipeline } from '../serve/start-pipeline.js';
import { onStopSignal } from '../serve/stop-signal.js';
import { wholeNumberFrom } from '../whole-number.js';

const DELIVERY_TIMEOUT_MS = 60_000;
/** The demo is embedded whatever the machine is set up for; only the engine's settings are taken over. */
const INHERITED = [
  'PREREAD_MODEL',
  'PREREAD_MODELS_DIR',
  'PREREAD_PROVIDER',
  'PREREAD_PRECISION',
  'PREREAD_INFERENCE_PROCESSES',
] as const;

interface DemoFlags {
  readonly studies: number;
  readonly seed?: string;
  readonly keep: boolean;
  readonly dataDir?: string;
  readonly verbose: boolean;
}

export function register(program: Command): void {
  program
    .command('demo')
    .description('start everything on this machine and send generated chest studies through it')
    .option('--studies <n>', 'how many studies', wholeNumberFrom(1, 1000), 6)
    .option('--seed <text>', 'the same seed makes the same studies')
    .option('--keep', 'leave it running afterwards, for your own DICOM files', false)
    .option('--data-dir <folder>', 'keep the data there (default: a temporary folder, removed)')
    .option('--verbose', 'show the log of the pipeline too', false)
    .action(async (flags: DemoFlags) => {
      process.exitCode = await demo(flags);
    });
}

async function demo(flags: DemoFlags): Promise<number> {
  const stop = onStopSignal();
  const interruption = new AbortController();
  void stop.then(() => {
    interruption.abort(new Error('interrupted'));
  });
  const dataDir = flags.dataDir ?? (await mkdtemp(join(tmpdir(), 'preread-demo-')));
  try {
    const run = await startDemo(flags, dataDir, interruption.signal);
    if (flags.keep) {
      console.log(keepText(run.url));
      await stop;
    }
    await run.close();
    return run.allDelivered ? EXIT.ok : EXIT.failure;
  } catch (error) {
    if (interruption.signal.aborted) {
      return EXIT.interrupted;
    }
    throw error;
  } finally {
    if (flags.dataDir === undefined) {
      await rm(dataDir, { recursive: true, force: true });
    }
  }
}

function startDemo(flags: DemoFlags, dataDir: string, signal: AbortSignal): Promise<Demo> {
  const inherited = Object.fromEntries(INHERITED.map((name) => [name, process.env[name]]));
  const startEmbedded = (overrides: Readonly<Record<string, string>>): Promise<Pipeline> => {
    const config = loadConfig(serveConfig, {
      ...inherited,
      PREREAD_DATA_DIR: dataDir,
      PREREAD_PORT: flags.keep ? process.env['PREREAD_PORT'] : '0',
      PREREAD_LOG_LEVEL: flags.verbose ? 'info' : 'error',
      ...overrides,
    });
    const logger = createLogger(config);
    return startPipeline(
      { logger, clock: Date.now, random: Math.random },
      config,
      new Set(ROLES),
      configureDestinations(config, process.env, true),
    );
  };
  const print = (line: string): void => {
    console.log(line);
  };
  return runDemo(
    { print, signal, startPipeline: startEmbedded },
    { studies: flags.studies, seed: seedOf(flags), deliveryTimeoutMs: DELIVERY_TIMEOUT_MS },
  );
}

/** A kept folder knows the studies of earlier runs: the same ones again would make no new result. */
function seedOf({ seed, dataDir }: DemoFlags): string {
  return seed ?? (dataDir === undefined ? 'preread' : new Date().toISOString());
}

function keepText(url: string): string {
  return `
Still running. Send your own DICOM files:

  curl -H 'Content-Type: application/dicom' --data-binary @image.dcm ${url}/dicom-web/studies
  curl ${url}/api/v1/studies

API description: ${url}/docs        Ctrl-C ends it.`;
}

import type { Command } from 'commander';

import { loadConfig } from '../../adapters/config/load-config.js';
import { createLogger } from '../../adapters/observability/logger.js';
import { letHeapDouble } from '../../adapters/process/heap-growth.js';
import { softwareName, softwareVersion } from '../../adapters/process/package-info.js';
import { serveConfig } from '../serve/config.js';
import { configureDestinations } from '../serve/destinations.js';
import { parseRoles } from '../serve/roles.js';
import { startPipeline } from '../serve/start-pipeline.js';
import { onStopSignal } from '../serve/stop-signal.js';

const HELP = `
Settings are environment variables; docs/configuration.md lists them all. The most important:
  PREREAD_DATA_DIR         folder of the images and the embedded database (./preread-data)
  PREREAD_HOST, _PORT      where to listen (127.0.0.1, 8142)
  PREREAD_WEBHOOK_URL      where results are posted, signed with PREREAD_WEBHOOK_SECRET
  PREREAD_DESTINATIONS     file of all places that results go to (more: preread destinations set)
  DATABASE_URL, REDIS_URL  PostgreSQL and Redis in place of the embedded database and queue

  PREREAD_DIMSE_AE_TITLES, _CALLERS   AE titles of ours (PREREAD) and of those who may call

Beyond this machine the server needs API keys ("preread keys create") and DIMSE a list of callers.

Roles run as processes of their own when DATABASE_URL is set:
  preread serve --role ingest
  preread serve --role inference
  preread serve --role assemble --role delivery`;

export function register(program: Command): void {
  program
    .command('serve')
    .description('run the pipeline: DICOMweb in, results out')
    .option(
      '--role <role>',
      'ingest, inference, assemble or delivery; may be repeated (default: all)',
      (role: string, roles: string[]) => [...roles, role],
      [],
    )
    .option(
      '--dimse [port]',
      'receive by C-STORE too, on this port (default: PREREAD_DIMSE_PORT, else 11112)',
    )
    .option('--watch <dir>', 'take in the files of this folder too, as "preread watch" does')
    .addHelpText('after', HELP)
    .action(serve);
}

interface ServeFlags {
  readonly role: readonly string[];
  readonly dimse?: string | true;
  readonly watch?: string;
}

const CUSTOMARY_DIMSE_PORT = '11112';

async function serve(flags: ServeFlags): Promise<void> {
  letHeapDouble();
  const roles = parseRoles(flags.role);
  const config = loadConfig(serveConfig, withFlags(process.env, flags));
  const destinations = configureDestinations(config, process.env, roles.has('delivery'));
  const logger = createLogger(config);
  const stop = onStopSignal();
  const pipeline = await startPipeline(
    { logger, clock: Date.now, random: Math.random },
    config,
    roles,
    destinations,
  );
  const dimse = pipeline.dimsePort === undefined ? '' : `; DIMSE on port ${pipeline.dimsePort}`;
  console.log(
    `${softwareName} ${softwareVersion} ready at ${pipeline.url} (${[...roles].join(', ')}${dimse})`,
  );
  const signal = await stop;
  logger.info({ signal }, 'stopping: finishing what is in hand');
  await pipeline.close();
  logger.info({}, 'stopped');
}

/** Flags outrank the environment. */
function withFlags(env: NodeJS.ProcessEnv, { dimse, watch }: ServeFlags): NodeJS.ProcessEnv {
  const port = dimse === true ? (env['PREREAD_DIMSE_PORT'] ?? CUSTOMARY_DIMSE_PORT) : dimse;
  return {
    ...env,
    ...(port === undefined ? {} : { PREREAD_DIMSE_PORT: port }),
    ...(watch === undefined ? {} : { PREREAD_WATCH_DIR: watch }),
  };
}

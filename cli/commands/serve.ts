import type { Command } from 'commander';

import { loadConfig } from '../../adapters/config/load-config.js';
import { createLogger } from '../../adapters/observability/logger.js';
import { softwareName, softwareVersion } from '../../adapters/process/package-info.js';
import { serveConfig } from '../serve/config.js';
import { readDestinations } from '../serve/destinations.js';
import { parseRoles } from '../serve/roles.js';
import { startPipeline } from '../serve/start-pipeline.js';
import { onStopSignal } from '../serve/stop-signal.js';

const HELP = `
Settings are environment variables; docs/configuration.md lists them all. The most important:
  PREREAD_DATA_DIR         folder of the images and the embedded database (./preread-data)
  PREREAD_HOST, _PORT      where to listen (127.0.0.1, 8142)
  PREREAD_WEBHOOK_URL      where results are posted, signed with PREREAD_WEBHOOK_SECRET
  PREREAD_DESTINATIONS     file of all places that results go to
  DATABASE_URL, REDIS_URL  PostgreSQL and Redis in place of the embedded database and queue

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
    .addHelpText('after', HELP)
    .action(async ({ role }: { role: string[] }) => {
      await serve(role);
    });
}

async function serve(roleNames: readonly string[]): Promise<void> {
  const roles = parseRoles(roleNames);
  const config = loadConfig(serveConfig, process.env);
  const destinations = readDestinations(config, process.env, roles.has('delivery'));
  const logger = createLogger(config);
  const stop = onStopSignal();
  const pipeline = await startPipeline(
    { logger, clock: Date.now, random: Math.random },
    config,
    roles,
    destinations,
  );
  if (roles.has('assemble') && !destinations.some(({ enabled }) => enabled)) {
    logger.warn(
      {},
      'no destination is set (PREREAD_DESTINATIONS, PREREAD_WEBHOOK_URL): results wait in the API and go nowhere',
    );
  }
  console.log(
    `${softwareName} ${softwareVersion} ready at ${pipeline.url} (${[...roles].join(', ')})`,
  );
  const signal = await stop;
  logger.info({ signal }, 'stopping: finishing what is in hand');
  await pipeline.close();
  logger.info({}, 'stopped');
}

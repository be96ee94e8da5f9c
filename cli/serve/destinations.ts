import {
  createApiDestinations,
  type ApiDestinations,
} from '../../adapters/destinations/api-destinations.js';
import { createDestinations } from '../../adapters/destinations/live-destinations.js';
import { loadDestinations } from '../../adapters/destinations/load-destinations.js';
import { referenceSchema, secretSchema } from '../../adapters/destinations/read-secret.js';
import { reportOf, type Destination } from '../../core/delivery/destination.js';
import type { Destinations, SetDestination } from '../../core/delivery/destinations.js';
import { PipelineError } from '../../core/errors.js';
import type { Logger } from '../../core/log.js';
import type { DestinationStore } from '../../core/storage/destination-store.js';
import type { Clock } from '../../core/time.js';
import type { ServeConfig } from './config.js';
import type { ObjectsForm } from './result-objects.js';

/** The name of the destination that the environment alone describes. */
const WEBHOOK_NAME = 'webhook';

type Environment = Readonly<Record<string, string | undefined>>;

/** What a process is told of destinations before it starts. */
export interface ConfiguredDestinations extends Pick<ApiDestinations, 'check'> {
  /** Those of the file and of the environment, and the ones of the API while the process runs. */
  open(deps: {
    readonly store: Pick<DestinationStore, 'list'>;
    readonly clock: Clock;
    readonly logger: Logger;
  }): Destinations;
}

/**
 * @param sends whether this process delivers; one that only routes needs no secrets
 * @throws PipelineError `config-invalid`
 */
export function configureDestinations(
  config: ServeConfig,
  env: Environment,
  sends: boolean,
): ConfiguredDestinations {
  const declared = readDeclared(config, env, sends);
  const { check, read } = createApiDestinations({
    env,
    secretsFolder: config.PREREAD_SECRETS_DIR,
    allowNetworks: config.PREREAD_DESTINATION_NETWORKS,
    sends,
  });
  return { check, open: (deps) => createDestinations({ ...deps, read }, declared) };
}

function readDeclared(config: ServeConfig, env: Environment, sends: boolean): SetDestination[] {
  const { PREREAD_DESTINATIONS: path } = config;
  const fromFile =
    path === undefined ? [] : loadDestinations(path, sends ? secretSchema(env) : referenceSchema());
  const webhook = environmentWebhook(config);
  if (webhook.length > 0 && fromFile.some(({ name }) => name === WEBHOOK_NAME)) {
    throw new PipelineError(
      'config-invalid',
      `PREREAD_WEBHOOK_URL is the destination "${WEBHOOK_NAME}", which the file has too: rename that one.`,
    );
  }
  return [
    ...fromFile.map((destination) => ({ destination, source: 'file' as const })),
    ...webhook.map((destination) => ({ destination, source: 'environment' as const })),
  ];
}

/**
 * The form in which the objects of results are read here: the report as the archives get it, so that one UID is one
 * object wherever it is read, and the language of the first of them.
 */
export function formOfObjects(destinations: readonly SetDestination[]): ObjectsForm {
  const all = destinations.map(({ destination }) => destination);
  const archive = all.find(
    ({ kind, enabled }) => enabled && (kind === 'dicomweb' || kind === 'dimse'),
  );
  return {
    report: all.map(reportOf).find((report) => report !== undefined) ?? 'comprehensive-3d-sr',
    language: archive !== undefined && 'language' in archive ? archive.language : 'en',
  };
}

function environmentWebhook(config: ServeConfig): Destination[] {
  if (config.PREREAD_WEBHOOK_URL === undefined || config.PREREAD_WEBHOOK_SECRET === undefined) {
    return [];
  }
  return [
    {
      kind: 'webhook',
      name: WEBHOOK_NAME,
      enabled: true,
      order: 0,
      results: {},
      concurrency: 16,
      timeoutSeconds: config.PREREAD_WEBHOOK_TIMEOUT_MS / 1000,
      url: config.PREREAD_WEBHOOK_URL,
      allowUnencrypted: config.PREREAD_WEBHOOK_ALLOW_HTTP,
      secrets: config.PREREAD_WEBHOOK_SECRET,
      body: config.PREREAD_WEBHOOK_BODY,
      events: ['study.result.created', 'study.result.amended', 'study.not_analysed'],
      allowNetworks: config.PREREAD_WEBHOOK_ALLOW_NETWORKS,
    },
  ];
}

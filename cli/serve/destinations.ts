import { loadDestinations } from '../../adapters/destinations/load-destinations.js';
import { secretSchema, unreadSecretSchema } from '../../adapters/destinations/read-secret.js';
import { tlsOptions } from '../../adapters/destinations/tls-options.js';
import { readCommitmentReport } from '../../adapters/dicom/read-commitment.js';
import { softwareName, softwareVersion } from '../../adapters/process/package-info.js';
import { createWebhookSink } from '../../adapters/webhook/webhook-sink.js';
import { createStowSink } from '../../adapters/dicomweb/stow-sink.js';
import { createStoreSink } from '../../adapters/dimse/store-sink.js';
import { createFhirSink } from '../../adapters/fhir/fhir-sink.js';
import { createMllpSink } from '../../adapters/hl7/mllp-sink.js';
import type { Destination, DestinationOf } from '../../core/delivery/destination.js';
import { createLane } from '../../core/delivery/lane.js';
import type { ResultSink } from '../../core/delivery/result-sink.js';
import { failureListeners } from '../../core/delivery/route-result.js';
import { assertNever, PipelineError } from '../../core/errors.js';
import type { Logger } from '../../core/log.js';
import type { PipelineMetrics } from '../../core/metrics.js';
import type { SentCommitments } from '../../core/storage/sent-commitments.js';
import type { Clock } from '../../core/time.js';
import type { DeliveryTarget } from '../../core/use-cases/deliver-result.js';
import type { ServeConfig } from './config.js';
import { createResultObjects, type ObjectsForm, type ResultObjectsDeps } from './result-objects.js';

/** The name of the destination that the environment alone describes. */
const WEBHOOK_NAME = 'webhook';

export interface SinkDeps extends ResultObjectsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<PipelineMetrics, 'commitmentReport'>;
  readonly sentCommitments: SentCommitments;
}

/**
 * All destinations: those of the file, and the webhook of the environment.
 *
 * @param sends whether this process delivers; one that only routes needs no secrets
 * @throws PipelineError `config-invalid`
 */
export function readDestinations(
  config: ServeConfig,
  env: Readonly<Record<string, string | undefined>>,
  sends: boolean,
): readonly Destination[] {
  const { PREREAD_DESTINATIONS: path } = config;
  const fromFile =
    path === undefined
      ? []
      : loadDestinations(path, sends ? secretSchema(env) : unreadSecretSchema);
  const webhook = environmentWebhook(config);
  if (webhook.length > 0 && fromFile.some(({ name }) => name === WEBHOOK_NAME)) {
    throw new PipelineError(
      'config-invalid',
      `PREREAD_WEBHOOK_URL is the destination "${WEBHOOK_NAME}", which the file has too: rename that one.`,
    );
  }
  return [...fromFile, ...webhook];
}

/** What the delivery worker needs of each destination that is switched on. */
export function createTargets(
  deps: SinkDeps,
  config: ServeConfig,
  destinations: readonly Destination[],
): ReadonlyMap<string, DeliveryTarget> {
  return new Map(
    destinations
      .filter(({ enabled }) => enabled)
      .map((destination) => [
        destination.name,
        {
          sink: createSink(deps, config, destination),
          lane: createLane(destination.concurrency),
          retryDelaysMs: destination.retry?.delaysSeconds.map((seconds) => seconds * 1000),
          failureListeners: failureListeners(destinations, destination.name),
        },
      ]),
  );
}

/**
 * The form in which the objects of results are read here: that of the first archive that gets them, so that one UID
 * is one object wherever it is read.
 */
export function formOfObjects(destinations: readonly Destination[]): ObjectsForm {
  const archive = destinations.find(
    ({ kind, enabled }) => enabled && (kind === 'dicomweb' || kind === 'dimse'),
  );
  return archive !== undefined && 'report' in archive
    ? { report: archive.report, language: archive.language }
    : { report: 'comprehensive-3d-sr', language: 'en' };
}

/** Places of all lanes together, and some to look at what finds its lane full. */
export function deliveryConcurrency(destinations: readonly Destination[]): number {
  return 4 + destinations.reduce((sum, { concurrency }) => sum + concurrency, 0);
}

function createSink(deps: SinkDeps, config: ServeConfig, destination: Destination): ResultSink {
  const common = {
    name: destination.name,
    timeoutMs: destination.timeoutSeconds * 1000,
    userAgent: `${softwareName}/${softwareVersion}`,
    tls: destination.tls && tlsOptions(destination.tls),
  };
  const { clock } = deps;
  const { buildObjects, readSource } = createResultObjects(deps);
  switch (destination.kind) {
    case 'webhook':
      return createWebhookSink(
        { clock },
        { ...destination, ...common, publicUrl: config.PREREAD_PUBLIC_URL },
      );
    case 'dicomweb':
      return createStowSink(
        { clock, buildObjects: buildObjects(destination) },
        { ...common, url: destination.url, authorization: authorization(destination.auth) },
      );
    case 'dimse':
      return createStoreSink(
        {
          buildObjects: buildObjects(destination),
          commitment: destination.storageCommitment
            ? {
                ...deps,
                readReport: readCommitmentReport,
                waitMs: destination.commitmentTimeoutSeconds * 1000,
              }
            : undefined,
        },
        { ...destination, ...common },
      );
    case 'hl7':
      return createMllpSink({ readSource }, { ...destination, ...common });
    case 'fhir':
      return createFhirSink(
        { clock, readSource },
        {
          ...common,
          url: destination.url,
          auth: destination.auth,
          patientIdentifierSystem: destination.patientIdentifierSystem,
        },
      );
    default:
      return assertNever(destination);
  }
}

function authorization(auth: DestinationOf<'dicomweb'>['auth']): string | undefined {
  switch (auth?.kind) {
    case undefined:
      return undefined;
    case 'basic':
      return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
    case 'bearer':
      return `Bearer ${auth.token}`;
    default:
      return assertNever(auth);
  }
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

import { authorizationOf } from '../../adapters/network/authorization.js';
import { createAddressGuard } from '../../adapters/network/address-guard.js';
import { tlsOptions } from '../../adapters/destinations/tls-options.js';
import { readCommitmentReport } from '../../adapters/dicom/read-commitment.js';
import { softwareName, softwareVersion } from '../../adapters/process/package-info.js';
import { createWebhookSink } from '../../adapters/webhook/webhook-sink.js';
import { createStowSink } from '../../adapters/dicomweb/stow-sink.js';
import { createStoreSink } from '../../adapters/dimse/store-sink.js';
import { createFhirSink } from '../../adapters/fhir/fhir-sink.js';
import { createMllpSink } from '../../adapters/hl7/mllp-sink.js';
import type { Destinations, SetDestination } from '../../core/delivery/destinations.js';
import { createLane } from '../../core/delivery/lane.js';
import type { ResultSink } from '../../core/delivery/result-sink.js';
import { failureListeners } from '../../core/delivery/route-result.js';
import { assertNever, PipelineError } from '../../core/errors.js';
import type { PipelineMetrics } from '../../core/metrics.js';
import type { Logger } from '../../core/log.js';
import type { SentCommitments } from '../../core/storage/sent-commitments.js';
import type { Clock } from '../../core/time.js';
import type { DeliveryTarget, DeliveryTargets } from '../../core/use-cases/deliver-result.js';
import type { ServeConfig } from './config.js';
import { createResultObjects, type ResultObjectsDeps } from './result-objects.js';

export interface SinkDeps extends ResultObjectsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<PipelineMetrics, 'commitmentReport'>;
  readonly sentCommitments: SentCommitments;
}

export interface LiveTargets extends DeliveryTargets {
  close(): Promise<void>;
}

const SPARE_PLACES = 4;

interface Target extends DeliveryTarget {
  readonly set: SetDestination;
}

/**
 * What the delivery worker needs of each destination that is switched on. One that stays as it is keeps its
 * lane and connections when others change.
 *
 * @throws PipelineError `config-invalid` for one of the configuration that cannot be used
 */
export function createTargets(
  deps: SinkDeps,
  config: ServeConfig,
  destinations: Destinations,
): LiveTargets {
  let built: readonly SetDestination[] = [];
  let targets: ReadonlyMap<string, Target> = new Map();

  /** A sink that is taken out may be in use: its idle connections end by themselves. */
  function build(all: readonly SetDestination[]): void {
    if (all === built) {
      return;
    }
    const before = targets;
    const enabled = all.filter(({ destination }) => destination.enabled);
    targets = new Map(
      enabled.map((set) => {
        const { name, concurrency, retry } = set.destination;
        const kept = before.get(name);
        const way =
          kept?.set === set
            ? kept
            : { set, sink: createSink(deps, config, set), lane: createLane(concurrency) };
        return [
          name,
          {
            ...way,
            retryDelaysMs: retry?.delaysSeconds.map((seconds) => seconds * 1000),
            failureListeners: failureListeners(
              enabled.map(({ destination }) => destination),
              name,
            ),
          },
        ];
      }),
    );
    built = all;
  }

  build(destinations.declared);
  return {
    async places() {
      build(await destinations.current());
      return [...targets.values()].reduce(
        (sum, { set }) => sum + set.destination.concurrency,
        SPARE_PLACES,
      );
    },
    async find(name) {
      build(await destinations.current());
      if (!targets.has(name)) {
        // Who made the delivery may know more than we do.
        build(await destinations.latest());
      }
      return targets.get(name);
    },
    async close() {
      await Promise.all([...targets.values()].map(({ sink }) => sink.close()));
    },
  };
}

function createSink(
  deps: SinkDeps,
  config: ServeConfig,
  { destination, source, problem }: SetDestination,
): ResultSink {
  if (problem !== undefined) {
    return createUnusableSink(destination.name, problem);
  }
  const guard =
    source === 'api' ? createAddressGuard(config.PREREAD_DESTINATION_NETWORKS) : undefined;
  const common = {
    name: destination.name,
    timeoutMs: destination.timeoutSeconds * 1000,
    userAgent: `${softwareName}/${softwareVersion}`,
    tls: destination.tls && tlsOptions(destination.tls),
    guard,
  };
  const { clock } = deps;
  const { buildObjects, readSource } = createResultObjects(deps);
  switch (destination.kind) {
    case 'webhook':
      return createWebhookSink(
        { clock },
        {
          ...destination,
          ...common,
          guard: guard ?? createAddressGuard(destination.allowNetworks),
          publicUrl: config.PREREAD_PUBLIC_URL,
        },
      );
    case 'dicomweb':
      return createStowSink(
        { clock, buildObjects: buildObjects(destination) },
        {
          ...common,
          url: destination.url,
          authorization: destination.auth && authorizationOf(destination.auth),
        },
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

/** Its deliveries wait by their schedule, and say why; another process, or this one later, may send them. */
function createUnusableSink(name: string, problem: string): ResultSink {
  return {
    name,
    send: () => Promise.reject(new PipelineError('delivery-unconfigured', problem)),
    close: () => Promise.resolve(),
  };
}

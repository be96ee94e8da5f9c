import { randomUUID } from 'node:crypto';

import { createStudyHolds } from '../../adapters/database/study-hold.js';
import { createSameObjectFinder } from '../../adapters/dicom/find-same-object.js';
import { inspectFile } from '../../adapters/dicom/identify-file.js';
import { readStudyInstanceUID } from '../../adapters/dicom/read-study-uid.js';
import { DECODABLE_TRANSFER_SYNTAXES } from '../../adapters/dicom/decoders/registry.js';
import { createMetrics, type MetricsRegistry } from '../../adapters/observability/metrics.js';
import { openSpanRecorder } from '../../adapters/observability/span-recorder.js';
import { softwareName, softwareVersion } from '../../adapters/process/package-info.js';
import { loadSiteRules } from '../../adapters/rules/load-site-rules.js';
import { addressFingerprint } from '../../core/delivery/address-fingerprint.js';
import type { Destinations } from '../../core/delivery/destinations.js';
import { routeResult } from '../../core/delivery/route-result.js';
import { PipelineError } from '../../core/errors.js';
import type { Logger } from '../../core/log.js';
import type { Clock } from '../../core/time.js';
import type { StartOfFile } from '../../core/use-cases/ingest-instance.js';
import { modelProvenance } from '../../core/use-cases/run-inference.js';
import type { ReadinessCheck } from '../../services/ingest-http/routes/health.js';
import type { HealthAppDeps } from '../../services/ingest-http/app.js';
import { startHealthHttp } from '../../services/ingest-http/server.js';
import type { HttpOptions } from '../../services/ingest-http/server.js';
import { startAssembleWorker } from '../../workers/assemble/start-assemble-worker.js';
import { startDeliveryWorker } from '../../workers/delivery/start-delivery-worker.js';
import { modelText } from '../../core/inference/model-overlay.js';
import { openClassifier } from '../../workers/inference/open-classifier.js';
import { scoringFacts } from '../../workers/inference/scoring-facts.js';
import { startArchiveWorker } from '../../workers/inference/start-archive-worker.js';
import { tunedConfig } from '../../workers/inference/tuned-config.js';
import { startInferenceWorker } from '../../workers/inference/start-inference-worker.js';
import { describeEngine } from '../describe-engine.js';
import { createClosers, type Closers } from './closers.js';
import type { ServeConfig } from './config.js';
import { createTargets } from './delivery-targets.js';
import { formOfObjects, type ConfiguredDestinations } from './destinations.js';
import { openAccess } from './open-access.js';
import { openStores, type Stores } from './open-stores.js';
import type { Role } from './roles.js';
import { startIngest, type StartedIngest } from './start-ingest.js';
import { startUpkeep } from './start-upkeep.js';

export interface PipelineDeps {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface Pipeline {
  /** Where this process answers HTTP: the whole API, or health alone without the role `ingest`. */
  readonly url: string;
  /** Where this process answers DIMSE, when it does. */
  readonly dimsePort: number | undefined;
  /** `name version` of the model, when this process infers. */
  readonly model: string | undefined;
  readonly inferenceProcesses: number;
  /** Finishes what is in hand, hands the rest back, closes everything. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts the roles of one process and resolves when all of them are ready: the model warm, the queue
 * connected, the port open. Whatever was opened before a failure is closed again.
 */
export async function startPipeline(
  deps: PipelineDeps,
  config: ServeConfig,
  roles: ReadonlySet<Role>,
  configured: ConfiguredDestinations,
): Promise<Pipeline> {
  const closers = createClosers();
  try {
    return await start(deps, config, roles, configured, closers);
  } catch (error) {
    await closers.closeAll().catch((closeError: unknown) => {
      deps.logger.warn({ err: closeError }, 'closing after a failed start failed too');
    });
    throw error;
  }
}

async function start(
  deps: PipelineDeps,
  config: ServeConfig,
  roles: ReadonlySet<Role>,
  configured: ConfiguredDestinations,
  closers: Closers,
): Promise<Pipeline> {
  // Before anything is opened: a file that is not right stops the start.
  const siteRules = await loadSiteRules(roles.has('ingest') ? config.PREREAD_RULES : undefined);
  const spans = await openSpanRecorder({ clock: deps.clock, softwareVersion }, config);
  if (spans !== undefined) {
    closers.add(() => spans.close());
  }
  const metrics = createMetrics(softwareVersion, spans);
  const stores = await openStores({ ...deps, metrics, spans }, config, roles, closers);
  const { store, queue, objects } = stores;
  metrics.watch({
    ...stores,
    objects: roles.has('ingest') ? objects : undefined,
    clock: deps.clock,
  });
  const shared = { ...deps, ...stores, metrics };
  const destinations = configured.open({ ...deps, store: stores.destinationStore });
  // Before the model is loaded: what is refused is refused at once.
  const access = roles.has('ingest') ? await openAccess(stores.keys, config) : undefined;
  const inference = roles.has('inference')
    ? await startInference(shared, config, closers)
    : undefined;
  if (roles.has('assemble')) {
    const worker = await startAssembleWorker({
      ...shared,
      software: { name: softwareName, version: softwareVersion },
      route: async (result) =>
        routeResult(
          (await destinations.current()).map(({ destination }) => destination),
          result,
        ),
    });
    closers.add(() => worker.close());
    await warnOfNone(destinations, deps.logger);
  }
  if (roles.has('delivery')) {
    await stores.operations.openMovedDestinations(
      new Map(
        destinations.declared.map(({ destination }) => [
          destination.name,
          addressFingerprint(destination),
        ]),
      ),
    );
    const targets = createTargets(shared, config, destinations);
    closers.add(() => targets.close());
    const worker = await startDeliveryWorker({ ...shared, targets });
    closers.add(() => worker.close());
  }
  const readiness = [
    { name: 'database', check: () => store.ping(), whenSilent: 'database-unavailable' },
    {
      name: 'queue',
      check: () => queue.ping(),
      whenSilent: 'queue-unavailable',
      // What comes in waits in the database's outbox. A balancer that took every ingest away would lose more than time.
      dispensable: roles.has('ingest'),
    },
    ...(roles.has('ingest')
      ? [
          {
            name: 'objects',
            check: () => objects.check(),
            whenSilent: 'storage-unavailable' as const,
          },
        ]
      : []),
    ...(inference
      ? [
          {
            name: 'inference',
            check: inference.check,
            whenSilent: 'inference-timeout' as const,
            detail: inference.detail,
          },
        ]
      : []),
  ] satisfies ReadinessCheck[];
  const ingest = {
    objects,
    studies: store,
    operations: { ...stores, objects, destinations, checkDestination: configured.check },
    metrics,
    page: metrics,
    keys: stores.keys,
    openBoard: (basePath: string) => queue.board(basePath),
    inspectFile: (file: StartOfFile) => objects.guarded(() => inspectFile(file)),
    findSameObject: createSameObjectFinder({ objects, studies: store }),
    decodable: DECODABLE_TRANSFER_SYNTAXES,
    siteRules,
    clock: deps.clock,
    logger: deps.logger,
    readiness,
  };
  await startUpkeep({ ...ingest, operations: stores.operations, stores }, config, roles, closers);
  const address = {
    host: config.PREREAD_HOST,
    port: config.PREREAD_PORT,
    shutdownMs: config.PREREAD_HTTP_SHUTDOWN_MS,
  };
  const { url, dimsePort } = access
    ? await startIngest(
        {
          ...ingest,
          access,
          formOfObjects: async () => formOfObjects(await destinations.current()),
          checkBacklog: stores.checkBacklog,
          holds: createStudyHolds({ studies: store, readStudyInstanceUID, clock: deps.clock }),
        },
        stores,
        config,
        address,
        closers,
      )
    : await startHealth(
        { readiness, page: metrics, logger: deps.logger, clock: deps.clock },
        address,
        closers,
      );
  return {
    url,
    dimsePort,
    model: inference?.model,
    inferenceProcesses: inference?.processes ?? 0,
    close: () => closers.closeAll(),
  };
}

/** What the API has set may be for another version: that is no reason not to start, and is said. */
async function warnOfNone(destinations: Destinations, logger: Logger): Promise<void> {
  const all = await destinations.current().catch((error: unknown) => {
    logger.error({ err: error }, 'the destinations cannot be read');
  });
  if (all?.some(({ destination }) => destination.enabled) === false) {
    logger.warn(
      {},
      'no destination is set (PREREAD_DESTINATIONS, PREREAD_WEBHOOK_URL, preread destinations set): ' +
        'results wait in the API and go nowhere',
    );
  }
}

async function startHealth(
  deps: HealthAppDeps,
  address: HttpOptions,
  closers: Closers,
): Promise<StartedIngest> {
  const http = await startHealthHttp(deps, address);
  closers.add(() => http.close());
  return { url: http.url, dimsePort: undefined };
}

async function startInference(
  deps: PipelineDeps & Stores & { readonly metrics: MetricsRegistry },
  config: ServeConfig,
  closers: Closers,
): Promise<{ model: string; processes: number; detail: string; check: () => Promise<void> }> {
  const { config: tuned, stale } = await tunedConfig(config);
  if (stale !== undefined) {
    deps.logger.warn({}, stale);
  }
  const open = await openClassifier(deps, tuned);
  const { classifier, manifest } = open;
  closers.add(() => classifier.close());
  if (config.PREREAD_HEAT_MAPS && manifest.outputs.cams === undefined) {
    throw new PipelineError(
      'config-invalid',
      `PREREAD_HEAT_MAPS: the model ${manifest.name} gives no maps.`,
    );
  }
  const detail = describeEngine(open);
  const { executionProvider, precision } = classifier.engine;
  deps.logger.info({ executionProvider, precision, fallback: classifier.fallback }, detail);
  deps.metrics.model(modelProvenance(manifest, classifier.engine));
  const worker = await startInferenceWorker({
    ...deps,
    classifier,
    manifest,
    assembleDelayMs: config.PREREAD_ASSEMBLE_DELAY_MS,
    heatMaps: config.PREREAD_HEAT_MAPS,
  });
  closers.add(() => worker.close());
  if (config.PREREAD_ARCHIVE_DIR !== undefined && !deps.embedded) {
    const facts = scoringFacts(open, config);
    const archiveWorker = await startArchiveWorker(
      { ...deps, classifier, facts },
      { workerId: randomUUID(), folder: config.PREREAD_ARCHIVE_DIR },
    );
    closers.add(() => archiveWorker.close());
  }
  return {
    model: modelText(manifest),
    processes: classifier.processIds.length,
    detail,
    check: () =>
      classifier.processIds.length > 0
        ? Promise.resolve()
        : Promise.reject(new Error('no inference process is warm')),
  };
}

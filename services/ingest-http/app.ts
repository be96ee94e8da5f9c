import express from 'express';
import type { ErrorRequestHandler, Express } from 'express';
import helmet from 'helmet';
import swaggerUi from 'swagger-ui-express';

import type { KeyStore } from '../../core/access/key-store.js';
import { PipelineError, toPipelineError } from '../../core/errors.js';
import type { Logger } from '../../core/log.js';
import type { ObjectStore } from '../../core/storage/object-store.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import type { AccessPolicy } from './access/caller.js';
import { createGuard } from './access/guard.js';
import { outcomeAnswer } from './fhir/operation-outcome.js';
import { sendAnswer } from './http/answer.js';
import { problemAnswer } from './http/problem.js';
import { logRequests } from './http/request-log.js';
import type { RequestLocals } from './http/request-log.js';
import { resourcesOf } from './http/resource.js';
import { buildOpenApi } from './openapi.js';
import { addCapabilitiesRoute } from './routes/capabilities.js';
import { addFhirRoutes, isFhirRequest } from './routes/fhir.js';
import type { FhirRoutesDeps, FhirRoutesOptions } from './routes/fhir.js';
import { liveness, readiness } from './routes/health.js';
import type { ReadinessCheck } from './routes/health.js';
import { addKeyRoutes } from './routes/keys.js';
import { getMetrics } from './routes/metrics.js';
import type { MetricsPage } from './routes/metrics.js';
import { addOperationsRoutes } from './routes/operations.js';
import type { OperationsRoutesDeps } from './routes/operations.js';
import { STORE_ACCEPTS, storeInstances } from './routes/store-instances.js';
import type { StoreInstancesDeps, StoreInstancesOptions } from './routes/store-instances.js';
import { BOARD_PATH, queueBoard, type OpenBoard } from './routes/queue-board.js';
import { getStudy, listStudies } from './routes/studies.js';
import { addFrameRoutes } from './routes/retrieve-frames.js';
import type { FramesDeps } from './routes/retrieve-frames.js';
import { addRetrieveRoutes, retrieveInstances } from './routes/retrieve-instances.js';
import { addRenderedRoutes } from './routes/retrieve-rendered.js';
import { addSearchRoutes, searchStudies } from './routes/search-objects.js';
import { getWorklist } from './routes/worklist.js';

export interface IngestAppDeps extends StoreInstancesDeps, FhirRoutesDeps, FramesDeps {
  readonly studies: Pick<
    StudyStore,
    | 'recordInstance'
    | 'holdStudy'
    | 'requestAssembly'
    | 'listStudies'
    | 'findStudy'
    | 'loadResult'
    | 'findByDiagnosticReport'
    | 'findByStructuredReport'
  >;
  readonly objects: ObjectStore;
  readonly keys: KeyStore;
  readonly access: Omit<AccessPolicy, 'keys'>;
  /** What `/readyz` asks. */
  readonly readiness: readonly ReadinessCheck[];
  readonly page: MetricsPage;
  /** Absent where nobody operates: then the resources for that are missing. */
  readonly operations?: OperationsRoutesDeps;
  /** A page of the queues for that path; absent where there is none. */
  readonly openBoard?: OpenBoard;
}

export interface IngestAppOptions extends StoreInstancesOptions, FhirRoutesOptions {
  /** Of each key. */
  readonly requestsPerMinute: number;
  /** After which a routine study stands among the urgent ones in the worklist. */
  readonly maxRoutineWaitMs: number;
}

export type HealthAppDeps = Pick<IngestAppDeps, 'readiness' | 'page' | 'logger' | 'clock'>;

/** Health alone, for processes that pull jobs and have no other interface. */
export function createHealthApp(deps: HealthAppDeps): Express {
  const app = createBareApp(deps);
  endApp(app, deps.logger);
  return app;
}

/** The HTTP interface as an Express application, without a server. */
export function createIngestApp(deps: IngestAppDeps, options: IngestAppOptions): Express {
  const app = createBareApp(deps);
  const guard = createGuard({ ...deps.access, keys: deps.keys }, options.requestsPerMinute);
  const add = resourcesOf(app, guard);
  const store = {
    post: { scope: 'ingest', handle: storeInstances(deps, options) },
    acceptPost: STORE_ACCEPTS,
  } as const;
  add('/dicom-web/studies', {
    ...store,
    get: { scope: 'read', handle: searchStudies(deps) },
  });
  add('/dicom-web/studies/:StudyInstanceUID', {
    ...store,
    get: { scope: 'read', handle: retrieveInstances(deps) },
  });
  addRetrieveRoutes(add, deps, options);
  addFrameRoutes(add, deps);
  addRenderedRoutes(add, deps);
  addSearchRoutes(add, deps);
  addFhirRoutes(add, deps, options);

  add('/api/v1/studies', { get: { scope: 'read', handle: listStudies(deps.studies) } });
  add('/api/v1/studies/:StudyInstanceUID', {
    get: { scope: 'read', handle: getStudy(deps.studies) },
  });
  add('/api/v1/worklist', { get: { scope: 'read', handle: getWorklist(deps, options) } });
  if (deps.operations !== undefined) {
    addOperationsRoutes(add, deps.operations);
  }
  addKeyRoutes(add, deps.keys);
  if (deps.openBoard !== undefined) {
    app.use(BOARD_PATH, ...guard.requires('admin'), queueBoard(deps.openBoard));
  }

  const openApi = buildOpenApi();
  addCapabilitiesRoute(add, openApi.paths ?? {}, options.publicUrl);
  add('/openapi.json', {
    get: {
      scope: 'public',
      handle: (_request, response) => {
        response.json(openApi);
      },
    },
  });
  app.use('/docs', swaggerUi.serve, swaggerUi.setup(openApi, { customSiteTitle: 'preread API' }));
  endApp(app, deps.logger);
  return app;
}

function createBareApp(deps: HealthAppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.use(logRequests(deps.logger, deps.clock));
  app.use(securityHeaders());
  const add = resourcesOf(app);
  add('/healthz', { get: { scope: 'public', handle: liveness } });
  add('/metrics', { get: { scope: 'public', handle: getMetrics(deps.page) } });
  add('/readyz', { get: { scope: 'public', handle: readiness(deps.readiness, deps.logger) } });
  return app;
}

function endApp(app: Express, logger: Logger): void {
  app.use(() => {
    throw new PipelineError('not-found');
  });
  app.use(answerErrors(logger));
}

/**
 * The browser must not be told to use HTTPS: on a hospital's network the service may well have none, and
 * a reverse proxy that has it says so itself.
 */
function securityHeaders(): express.RequestHandler {
  return helmet({
    strictTransportSecurity: false,
    contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } },
  });
}

function answerErrors(logger: Logger): ErrorRequestHandler {
  // Express knows error handlers by their four parameters.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  return async (thrown: unknown, request, response, _next) => {
    const { requestId } = response.locals as RequestLocals;
    if (request.socket.destroyed) {
      logger.info({ requestId }, 'the client went away');
      return;
    }
    const error = isClientError(thrown)
      ? new PipelineError('request-invalid', undefined, { cause: thrown })
      : toPipelineError(thrown);
    if (error.httpStatus >= 500) {
      logger.error({ requestId, code: error.code, err: error }, 'request failed');
    }
    (response.locals as RequestLocals).facts['code'] = error.code;
    const answer = isFhirRequest(request) ? outcomeAnswer : problemAnswer;
    await sendAnswer(request, response, answer(error, requestId));
  };
}

/** What Express and its middleware throw about a request, as a malformed percent-encoding. */
function isClientError(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    'status' in thrown &&
    typeof thrown.status === 'number' &&
    thrown.status >= 400 &&
    thrown.status < 500
  );
}

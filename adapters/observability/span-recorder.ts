import type { Context } from '@opentelemetry/api';

import type { Stage, StageTrace } from '../../core/metrics.js';
import type { Clock } from '../../core/time.js';
import { rootSpanId } from '../../core/trace.js';
import type { TracingConfig } from './config.js';

/** Spans of stages that have ended. No span says anything of a patient or a study. */
export interface SpanRecorder {
  record(stage: Stage, durationMs: number, trace: StageTrace & { readonly traceId: string }): void;
  /** Sends what has not been sent. */
  close(): Promise<void>;
}

/** Of so many traces it is known that they have their root; a study's images come within minutes. */
const KNOWN_ROOTS = 10_000;

/**
 * Spans for an OpenTelemetry collector (OTLP over HTTP), or undefined when none is named. The SDK is loaded only
 * then, and is the process's own, for libraries that make spans too. Whoever reads a trace id in the log finds the trace under the
 * same one.
 *
 * The first `ingest` of a trace is its root here, below the sender's span if there is one; all else is below that.
 */
export async function openSpanRecorder(
  { clock, softwareVersion }: { readonly clock: Clock; readonly softwareVersion: string },
  config: TracingConfig,
): Promise<SpanRecorder | undefined> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: all, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces } = config;
  if (config.OTEL_SDK_DISABLED || (all === undefined && traces === undefined)) {
    return undefined;
  }
  const [api, sdk, core, hooks, { OTLPTraceExporter }, { resourceFromAttributes }] =
    await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/core'),
      import('@opentelemetry/context-async-hooks'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
    ]);
  const random = new sdk.RandomIdGenerator();
  /** Those of the root that is just being made. */
  let root: { readonly traceId: string; readonly spanId: string } | undefined;
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      'service.name': config.OTEL_SERVICE_NAME,
      'service.version': softwareVersion,
    }),
    idGenerator: {
      generateTraceId: () => root?.traceId ?? random.generateTraceId(),
      generateSpanId: () => root?.spanId ?? random.generateSpanId(),
    },
    // Endpoint, headers, time-out and compression are those of the standard variables, which it reads itself.
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
  });
  api.trace.setGlobalTracerProvider(provider);
  api.context.setGlobalContextManager(new hooks.AsyncLocalStorageContextManager().enable());
  api.propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  const tracer = provider.getTracer('preread', softwareVersion);
  const roots = new Set<string>();

  function below(traceId: string, spanId: string): Context {
    const parent = { traceId, spanId, traceFlags: api.TraceFlags.SAMPLED, isRemote: true };
    return api.trace.setSpanContext(api.ROOT_CONTEXT, parent);
  }

  /** Whether this is the first time in this process. A trace that another process has begun gets a second root. */
  function becomesRoot(traceId: string): boolean {
    if (roots.has(traceId)) {
      return false;
    }
    const [oldest] = roots;
    if (oldest !== undefined && roots.size >= KNOWN_ROOTS) {
      roots.delete(oldest);
    }
    roots.add(traceId);
    return true;
  }

  return {
    record(stage, durationMs, { traceId, parentSpanId, endedAtMs = clock() }) {
      const startTime = endedAtMs - Math.max(0, durationMs);
      const isRoot = stage === 'ingest' && becomesRoot(traceId);
      const rootId = rootSpanId(traceId);
      if (!isRoot) {
        tracer.startSpan(stage, { startTime }, below(traceId, rootId)).end(endedAtMs);
        return;
      }
      const context = parentSpanId === undefined ? api.ROOT_CONTEXT : below(traceId, parentSpanId);
      root = { traceId, spanId: rootId };
      const span = tracer.startSpan(stage, { startTime }, context);
      root = undefined;
      span.end(endedAtMs);
    },
    async close() {
      await provider.shutdown();
      api.trace.disable();
      api.context.disable();
      api.propagation.disable();
    },
  };
}

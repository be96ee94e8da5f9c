import type { Context } from '@opentelemetry/api';

import type { Stage } from '../../core/metrics.js';
import type { Clock } from '../../core/time.js';
import { rootSpanId } from '../../core/trace.js';
import type { TracingConfig } from './config.js';

/** Spans of stages that have ended. No span says anything of a patient or a study. */
export interface SpanRecorder {
  /** It has ended now, when no time is given. */
  record(stage: Stage, durationMs: number, traceId: string, endedAtMs?: number): void;
  /** Sends what has not been sent. */
  close(): Promise<void>;
}

/**
 * Spans for an OpenTelemetry collector (OTLP over HTTP), or undefined when none is named. The SDK is loaded only
 * then. Whoever reads a trace id in the log finds the trace under the same one.
 */
export async function openSpanRecorder(
  { clock, softwareVersion }: { readonly clock: Clock; readonly softwareVersion: string },
  config: TracingConfig,
): Promise<SpanRecorder | undefined> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: all, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces } = config;
  if (config.OTEL_SDK_DISABLED || (all === undefined && traces === undefined)) {
    return undefined;
  }
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      'service.name': config.OTEL_SERVICE_NAME,
      'service.version': softwareVersion,
    }),
    // Endpoint, headers, time-out and compression are those of the standard variables, which it reads itself.
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
  });
  const tracer = provider.getTracer('preread', softwareVersion);

  function contextOf(traceId: string): Context {
    const spanId = rootSpanId(traceId);
    const parent = { traceId, spanId, traceFlags: api.TraceFlags.SAMPLED, isRemote: true };
    return api.trace.setSpanContext(api.ROOT_CONTEXT, parent);
  }

  return {
    record(stage, durationMs, traceId, endTime = clock()) {
      const startTime = endTime - Math.max(0, durationMs);
      tracer.startSpan(stage, { startTime }, contextOf(traceId)).end(endTime);
    },
    close: () => provider.shutdown(),
  };
}

import type { JobsOptions, Span, Telemetry } from 'bullmq';
import { SpanKind } from 'bullmq';

import { rootTraceparent } from '../../core/trace.js';

/** BullMQ's own spans, in the traces of what its jobs are about. */
export interface JobTracing {
  readonly telemetry: Telemetry;
  /** What a job takes along of its trace. */
  carried(traceId: string | undefined): Pick<JobsOptions, 'telemetry'>;
  /** What BullMQ does in there belongs to that trace. */
  within<T>(traceId: string | undefined, run: () => Promise<T>): Promise<T>;
}

/**
 * For a process that has a tracer, a context manager and a propagator; nothing is loaded before. A job's `add` and `process` hang
 * below the first span of its trace. A batch belongs to no one trace, so its `addBulk` has one of its own.
 */
export async function openJobTracing(): Promise<JobTracing> {
  const [{ context, propagation, ROOT_CONTEXT }, { BullMQOtel }] = await Promise.all([
    import('@opentelemetry/api'),
    import('bullmq-otel'),
  ]);
  const { tracer, contextManager } = new BullMQOtel();
  const telemetry: Telemetry = {
    contextManager,
    tracer: {
      // A worker that has nothing to do looks for jobs all the time, which would be most of what is sent.
      startSpan: (name, options, parent) =>
        options?.kind === SpanKind.INTERNAL
          ? NO_SPAN
          : tracer.startSpan(name, options, parent as Parameters<typeof tracer.startSpan>[2]),
    },
  };
  return {
    telemetry,
    carried: (traceId) =>
      traceId === undefined
        ? {}
        : {
            telemetry: {
              metadata: JSON.stringify({ traceparent: rootTraceparent(traceId) }),
              // Of whatever span adds the job, which would replace it.
              omitContext: true,
            },
          },
    within(traceId, run) {
      const carrier = traceId === undefined ? {} : { traceparent: rootTraceparent(traceId) };
      return context.with(propagation.extract(ROOT_CONTEXT, carrier), run);
    },
  };
}

const NO_SPAN: Span = {
  setSpanOnContext: (context: unknown) => context,
  setAttribute: ignore,
  setAttributes: ignore,
  addEvent: ignore,
  recordException: ignore,
  end: ignore,
};

function ignore(): void {
  // Nobody is told of this one.
}

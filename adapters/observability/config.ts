import { z } from 'zod';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export const LOG_FORMATS = ['auto', 'json', 'pretty'] as const;

/** The log's settings. */
export const loggingConfig = z.object({
  PREREAD_LOG_LEVEL: z
    .enum(LOG_LEVELS)
    .default('info')
    .describe('Least severe level that is written.'),
  PREREAD_LOG_FORMAT: z
    .enum(LOG_FORMATS)
    .default('auto')
    .describe('One JSON object a line, or lines for people; `auto` is the latter on a terminal.'),
});

export type LoggingConfig = z.infer<typeof loggingConfig>;

/** OpenTelemetry's own variables, as its specification names them. */
export const tracingConfig = z.object({
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe(
      'OpenTelemetry collector (OTLP over HTTP, JSON) that spans go to, such as http://localhost:4318. Off without it. ' +
        'OTEL_EXPORTER_OTLP_HEADERS and _TIMEOUT are heard too.',
    ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe(
      'The same as the whole address for spans alone, such as http://localhost:4318/v1/traces.',
    ),
  OTEL_SERVICE_NAME: z
    .string()
    .min(1)
    .default('preread')
    .describe('How the service is called in traces.'),
  OTEL_SDK_DISABLED: z.stringbool().default(false).describe('Turns spans off.'),
});

export type TracingConfig = z.infer<typeof tracingConfig>;

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

import { pino } from 'pino';
import type { DestinationStream } from 'pino';

import type { Logger } from '../../core/log.js';
import type { LoggingConfig } from './config.js';
import { prettyLine } from './pretty-line.js';
import { redactFacts } from './redact.js';

/**
 * The log on standard error (standard output belongs to the commands). Everything passes through
 * `redactFacts`. The written line is synchronous: what a process says as it dies must not be lost.
 */
export function createLogger(
  config: LoggingConfig,
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean } = process.stderr,
): Logger {
  const { PREREAD_LOG_LEVEL: level, PREREAD_LOG_FORMAT: format } = config;
  const pretty = format === 'pretty' || (format === 'auto' && stream.isTTY === true);
  const destination: DestinationStream = {
    write(line) {
      stream.write(pretty ? prettyLine(line) : line);
    },
  };
  return pino(
    {
      level,
      base: null,
      // Errors have been through redactFacts; pino's own serializer would copy every property.
      serializers: { err: (redacted: unknown) => redacted },
      formatters: { log: redactFacts },
    },
    destination,
  );
}

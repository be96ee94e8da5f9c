/** The logging port, shaped like pino's methods: facts first, then a constant sentence. */
export interface Logger {
  debug(facts: LogFacts, message: string): void;
  info(facts: LogFacts, message: string): void;
  warn(facts: LogFacts, message: string): void;
  error(facts: LogFacts, message: string): void;
}

/** Ids of our own, codes, durations and counts. Never patient data and never DICOM UIDs. */
export type LogFacts = Readonly<Record<string, unknown>>;

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** A logger that adds the same facts to every line. */
export function withFacts(logger: Logger, facts: LogFacts): Logger {
  return {
    debug(more, message) {
      logger.debug({ ...facts, ...more }, message);
    },
    info(more, message) {
      logger.info({ ...facts, ...more }, message);
    },
    warn(more, message) {
      logger.warn({ ...facts, ...more }, message);
    },
    error(more, message) {
      logger.error({ ...facts, ...more }, message);
    },
  };
}

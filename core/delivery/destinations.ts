import type { Destination } from './destination.js';

/** Who has set a destination, and so is the only one to change it. */
export const DESTINATION_SOURCES = ['file', 'environment', 'api'] as const;
export type DestinationSource = (typeof DESTINATION_SOURCES)[number];

/** A destination and where it comes from. The same object as long as nothing about it changes. */
export interface SetDestination {
  /** Where this process does not send, or cannot (`problem`), references stand in the place of secrets. */
  readonly destination: Destination;
  readonly source: DestinationSource;
  /** Why this process cannot send to it, as a secret that it does not have. Its deliveries wait. */
  readonly problem?: string | undefined;
  /** As it was put: of source `api`. */
  readonly definition?: unknown;
  readonly setAtMs?: number | undefined;
}

/** Where results go, while the process runs. */
export interface Destinations {
  /** Those of the process's own configuration, which stay as they are. */
  readonly declared: readonly SetDestination[];
  /**
   * All that hold now, as of two seconds ago at most. The same array until one changes.
   *
   * @throws PipelineError `database-unavailable`; `delivery-unconfigured` for one that this version cannot read
   */
  current(): Promise<readonly SetDestination[]>;
  /** The same, read from the database now. */
  latest(): Promise<readonly SetDestination[]>;
}

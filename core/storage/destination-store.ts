import type { Destination } from '../delivery/destination.js';

/** A destination as the API has set it: secrets are references. */
export interface StoredDestination {
  readonly name: string;
  readonly definition: unknown;
  /** Another one each time it is set. */
  readonly revision: string;
  readonly setAtMs: number;
}

/** A destination that has been checked, and what is kept of it. */
export interface CheckedDestination {
  readonly destination: Destination;
  readonly definition: object;
}

/**
 * The destinations that the API has set. What changes is audited.
 * Every method throws `database-unavailable` when the database does not answer.
 */
export interface DestinationStore {
  /** In the order of their names. */
  list(): Promise<readonly StoredDestination[]>;
  /** One that had said that it is gone is open again when its address is another one now. */
  put(checked: CheckedDestination, actor: string): Promise<'created' | 'replaced'>;
  /** False when there is none of that name. Deliveries to it stay. */
  remove(name: string, actor: string): Promise<boolean>;
}
